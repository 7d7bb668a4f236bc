"""docs/fuzzing.md: what was run, and what was found so far."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.fuzz.found import FOUND
from tests.fuzz.target import LONGEST, Target

PAGE: Final = Path(__file__).parents[2] / "docs" / "fuzzing.md"

HEAD: Final = f"""# Fuzzing

`make fuzz` writes this page. Each parser that eats bytes from outside is a target of `tests/fuzz/`: it is fed what
[atheris](https://github.com/google/atheris) makes of real streams and requests, guided by what code an input reaches.
Whatever a target raises, a hang of 10 s, or 1 GiB of memory is a finding. An input has at most {LONGEST} bytes; beside
them each target gets rows of 1 MB of one short piece, which show what takes longer than its input is long.

`make fuzz TARGET=http FUZZ_RUNS=1000000` runs one target, and writes nothing. A finding is printed as bytes for a
regression test. The ordinary tests run every target, too, with less of it, and always the same
(`tests/fuzz/test_fuzz.py`); they need no atheris. Atheris has wheels for Linux on x86-64, and Python 3.11 to 3.13.
"""


@dataclass(frozen=True, slots=True)
class Ran:
    """What one run of a target came to: inputs, seconds, and the inputs that are findings."""

    runs: int
    seconds: float
    findings: Sequence[str]

    @property
    def pace(self) -> int:
        """Give inputs a second."""
        return round(self.runs / max(self.seconds, 0.001))


def page(targets: Sequence[Target], ran: Mapping[str, Ran]) -> str:
    """Write the page."""
    rows = [_row(target, ran[target.name]) for target in targets]
    table = [
        "| target | what it eats | what holds | runs | s | runs/s | findings |",
        "|---|---|---|---:|---:|---:|---:|",
        *rows,
    ]
    found = [
        "## What was found",
        "",
        "By these targets, or by reading a parser to write one. All of it is mended; each has a test of its own.",
        "",
        "| target | what came | what was wrong | test |",
        "|---|---|---|---|",
        *(f"| `{one.target}` | {one.came} | {one.wrong} | `{one.test}` |" for one in FOUND),
    ]
    whole = f"In all {sum(one.runs for one in ran.values()):,} runs."
    return "\n".join([HEAD, "## Targets", "", *table, "", whole, "", *found, ""])


def _row(target: Target, ran: Ran) -> str:
    figures = f"{ran.runs:,} | {ran.seconds:.0f} | {ran.pace:,} | {len(ran.findings)}"
    return f"| `{target.name}` | {target.eats} | {target.holds} | {figures} |"
