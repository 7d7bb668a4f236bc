"""Run one target under atheris in this process: `python -m tests.fuzz.engine NAME CORPUS [libFuzzer's options]`.

Needs atheris (the extra `fuzz`). It instruments modules as they are imported, so the project's modules are imported in
`main` only.
"""

import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

import atheris

INSTRUMENTED = ["gateway", "transports", "uvicorn.protocols", "websockets", "jwt"]
"""Packages instrumented for coverage: the project's own, and those that parse its input."""


def main() -> None:
    """Run the target. libFuzzer ends the process, with a code other than 0 if there is a finding."""
    name, corpus, *options = sys.argv[1:]
    with atheris.instrument_imports(include=INSTRUMENTED):
        table = importlib.import_module("tests.fuzz.table")
    target = table.TARGETS[name]
    folder = Path(corpus)
    for number, seed in enumerate(target.seeds):
        (folder / f"seed-{number}").write_bytes(seed)
    if target.dictionary:
        # An empty dictionary is an error to libFuzzer.
        options.append(f"-dict={_write_dictionary(target.dictionary, folder.with_suffix('.dict'))}")
    atheris.Setup([sys.argv[0], corpus, *options], target.run)
    atheris.Fuzz()


def _write_dictionary(tokens: Sequence[bytes], file: Path) -> Path:
    """Write a dictionary in the format of AFL and libFuzzer."""
    escaped = ("".join(f"\\x{byte:02x}" for byte in token) for token in tokens)
    file.write_text("".join(f'"{token}"\n' for token in escaped), "ascii")
    return file


if __name__ == "__main__":
    main()
