"""Run fuzz targets under atheris, each in its own process: `make fuzz`."""

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

from tests.fuzz.page import PAGE, RunResult, page
from tests.fuzz.table import TARGETS
from tests.fuzz.target import MAX_BYTES, Target

HANG_SECONDS: Final = 10
MAX_MEGABYTES: Final = 1024
FAST_FACTOR: Final = 10
"""Factor for the runs of fast targets."""

PROCESS_SECONDS: Final = 3600
"""Maximum run time of a target's process."""

_RUNS: Final = re.compile(r"stat::number_of_executed_units:\s+(\d+)")


def main() -> int:
    """Run the requested targets; write the page if all were run. Return 1 if there are findings, else 0."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--runs", type=int, default=100_000, help="runs of each target; fast targets run ten times as often"
    )
    parser.add_argument("--target", choices=TARGETS, help="run only this target, and do not write the page")
    options = parser.parse_args()
    chosen: Sequence[Target] = [TARGETS[options.target]] if options.target else list(TARGETS.values())
    with ThreadPoolExecutor(os.cpu_count()) as workers:
        results = list(workers.map(partial(_run, runs=options.runs), chosen))
    result_of = {target.name: result for target, result in zip(chosen, results, strict=True)}
    if not options.target:
        PAGE.write_text(page(chosen, result_of), "utf-8")
    return 1 if any(result.findings for result in results) else 0


def _run(target: Target, runs: int) -> RunResult:
    count = runs * FAST_FACTOR if target.fast else runs
    with tempfile.TemporaryDirectory() as folder:
        artifacts = Path(folder) / "found-"
        corpus = Path(folder) / "corpus"
        corpus.mkdir()
        options = [
            *(f"-runs={count}", f"-max_len={MAX_BYTES}", f"-timeout={HANG_SECONDS}", f"-rss_limit_mb={MAX_MEGABYTES}"),
            *("-seed=1", "-print_final_stats=1", f"-artifact_prefix={artifacts}"),
        ]
        started = time.perf_counter()
        output, failure = _run_module(folder, "tests.fuzz.engine", target.name, str(corpus), *options)
        seconds = time.perf_counter() - started
        findings = [repr(file.read_bytes()) for file in sorted(artifacts.parent.glob("found-*"))]
        large_output, large_failure = _run_module(folder, "tests.fuzz.large", target.name)
    runs_match = _RUNS.search(output)
    if failure or large_failure:
        findings = findings or [failure or f"a large input: {large_failure}"]
        print(output if failure else large_output, file=sys.stderr)
    result = RunResult(int(runs_match[1]) if runs_match else 0, seconds, findings)
    print(f"{target.name}: {result.runs:,} runs in {result.seconds:.0f} s", *findings, sep="\n  ", flush=True)
    return result


def _run_module(folder: str, *arguments: str) -> tuple[str, str]:
    """Run a module in its own process, with `folder` for temporary files. Return its output, and its failure or ""."""
    command = [sys.executable, "-m", *arguments]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={**os.environ, "TMPDIR": folder}
    )
    try:
        output, _ = process.communicate(timeout=PROCESS_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        output, _ = process.communicate()
    code = process.returncode
    return output.decode("utf-8", "replace"), f"exited with {code}" if code else ""


if __name__ == "__main__":
    sys.exit(main())
