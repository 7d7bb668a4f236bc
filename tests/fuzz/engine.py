"""One target under atheris, in this process: `python -m tests.fuzz.engine NAME CORPUS [libFuzzer's options]`.

It needs atheris (the extra `fuzz`), which instruments what is imported below, so nothing of ours is imported above.
"""

import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

import atheris

INSTRUMENTED = ["gateway", "transports", "uvicorn.protocols", "websockets", "jwt"]
"""What the engine sees the inside of: our own, and what stands between the socket and it."""


def main() -> None:
    """Run it; libFuzzer ends the process, with another code than 0 if there is a finding."""
    name, corpus, *options = sys.argv[1:]
    with atheris.instrument_imports(include=INSTRUMENTED):
        table = importlib.import_module("tests.fuzz.table")
    target = table.TARGETS[name]
    folder = Path(corpus)
    for number, seed in enumerate(target.seeds):
        (folder / f"seed-{number}").write_bytes(seed)
    if target.words:
        # One without a word is an error to it.
        options.append(f"-dict={_dictionary(target.words, folder.with_suffix('.dict'))}")
    atheris.Setup([sys.argv[0], corpus, *options], target.run)
    atheris.Fuzz()


def _dictionary(words: Sequence[bytes], file: Path) -> Path:
    """Write a dictionary as AFL and libFuzzer read it."""
    escaped = ("".join(f"\\x{byte:02x}" for byte in word) for word in words)
    file.write_text("".join(f'"{word}"\n' for word in escaped), "ascii")
    return file


if __name__ == "__main__":
    main()
