"""Generate docs/reports/fuzzing.md: the last run of each target, and the bugs found so far."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.fuzz.findings import FINDINGS
from tests.fuzz.target import MAX_BYTES, Target

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = ROOT / "docs" / "reports" / "fuzzing.md"

HEAD: Final = f"""# Fuzzing

`make fuzz` writes this page. Each parser of untrusted bytes is a target in `tests/fuzz/`.
[atheris](https://github.com/google/atheris) mutates real streams and requests, guided by the code that each input
reaches. An exception, a hang of 10 s, or 1 GiB of memory is a finding. An input has at most {MAX_BYTES} bytes.
In addition, each target runs with inputs of 1 MB that repeat one short piece: they reveal time that is not linear in
the size of the input.

`make fuzz TARGET=http FUZZ_RUNS=1000000` runs one target and does not write the page. A finding is printed as bytes,
for a regression test. The ordinary tests run every target, too (`tests/fuzz/test_fuzz.py`): with fewer inputs, which
are the same each time, and without atheris. Atheris has wheels for Linux on x86-64, and Python 3.11 to 3.13.
"""


@dataclass(frozen=True, slots=True)
class RunResult:
    """Result of one run of a target: number of inputs, seconds, and the inputs that are findings."""

    runs: int
    seconds: float
    findings: Sequence[str]

    @property
    def rate(self) -> int:
        """Return the inputs per second."""
        return round(self.runs / max(self.seconds, 0.001))


def page(targets: Sequence[Target], results: Mapping[str, RunResult]) -> str:
    """Build the page."""
    rows = [_row(target, results[target.name]) for target in targets]
    table = [
        "| target | input | checked properties | runs | s | runs/s | findings |",
        "|---|---|---|---:|---:|---:|---:|",
        *rows,
    ]
    findings = [
        "## Bugs found",
        "",
        "By these targets, or by reading a parser to write one. All are fixed, and each has its own test.",
        "",
        "| target | input | bug | test |",
        "|---|---|---|---|",
        *(f"| `{found.target}` | {found.input} | {found.bug} | `{found.test}` |" for found in FINDINGS),
    ]
    total = f"Total: {sum(result.runs for result in results.values()):,} runs."
    return "\n".join([HEAD, "## Targets", "", *table, "", total, "", *findings, ""])


def _row(target: Target, result: RunResult) -> str:
    figures = f"{result.runs:,} | {result.seconds:.0f} | {result.rate:,} | {len(result.findings)}"
    return f"| `{target.name}` | {target.reads} | {target.checks} | {figures} |"
