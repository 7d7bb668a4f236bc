"""Run fuzz targets under atheris, each in a process of its own: `make fuzz`."""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Final

from tests.fuzz.page import PAGE, Ran, page
from tests.fuzz.table import TARGETS
from tests.fuzz.target import LONGEST, Target

HANG_SECONDS: Final = 10
MOST_MEGABYTES: Final = 1024
FAST: Final = 10
"""How many times as often fast targets are run."""

PROCESS_SECONDS: Final = 3600
"""After which a target's process is ended, whatever it does."""

_RUNS: Final = re.compile(r"stat::number_of_executed_units:\s+(\d+)")


def main() -> int:
    """Run what is asked for; write the page if that was everything. The code tells whether there are findings."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=100_000, help="of each target; ten times as many of a fast one")
    parser.add_argument("--target", choices=TARGETS, help="this one alone; nothing is written")
    options = parser.parse_args()
    chosen: Sequence[Target] = [TARGETS[options.target]] if options.target else list(TARGETS.values())
    with ThreadPoolExecutor(os.cpu_count()) as workers:
        every = list(workers.map(partial(_run, runs=options.runs), chosen))
    ran = {target.name: one for target, one in zip(chosen, every, strict=True)}
    if not options.target:
        PAGE.write_text(page(chosen, ran), "utf-8")
    return 1 if any(one.findings for one in every) else 0


def _run(target: Target, runs: int) -> Ran:
    count = runs * FAST if target.fast else runs
    with tempfile.TemporaryDirectory() as folder:
        found = Path(folder) / "found-"
        corpus = Path(folder) / "corpus"
        corpus.mkdir()
        options = [
            *(f"-runs={count}", f"-max_len={LONGEST}", f"-timeout={HANG_SECONDS}", f"-rss_limit_mb={MOST_MEGABYTES}"),
            *("-seed=1", "-print_final_stats=1", f"-artifact_prefix={found}"),
        ]
        began = time.perf_counter()
        said, failed = _ended(folder, "tests.fuzz.engine", target.name, str(corpus), *options)
        seconds = time.perf_counter() - began
        findings = [repr(one.read_bytes()) for one in sorted(found.parent.glob("found-*"))]
        said_of_long, failed_of_long = _ended(folder, "tests.fuzz.large", target.name)
    done = _RUNS.search(said)
    if failed or failed_of_long:
        findings = findings or [failed or f"a long input: {failed_of_long}"]
        print(said if failed else said_of_long, file=sys.stderr)
    one = Ran(int(done[1]) if done else 0, seconds, findings)
    print(f"{target.name}: {one.runs:,} runs in {one.seconds:.0f} s", *findings, sep="\n  ", flush=True)
    return one


def _ended(folder: str, *module: str) -> tuple[str, str]:
    """Run a module in a process of its own, with a folder to be left untidy; give what it said, and how it failed."""
    command = [sys.executable, "-m", *module]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={**os.environ, "TMPDIR": folder}
    )
    try:
        said, _ = process.communicate(timeout=PROCESS_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        said, _ = process.communicate()
    code = process.returncode
    return said.decode("utf-8", "replace"), f"ended with {code}" if code else ""


if __name__ == "__main__":
    sys.exit(main())
