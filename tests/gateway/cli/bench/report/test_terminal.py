"""Tables and progress in the terminal."""

import io
import re

import pytest
from rich.console import Console

from gateway.cli.bench.plan import Plan
from gateway.cli.bench.report.table import UNKNOWN
from gateway.cli.bench.report.terminal import progress
from tests.gateway.cli.bench.fakes import answered, failed, subject
from tests.gateway.cli.bench.report.examples import mixed, printed, shown


def test_the_terminal_shows_both_tables_and_the_failures() -> None:
    text = printed(mixed())
    cheap, dear, free, broken = (shown(text, name) for name in ("cheap", "dear", "free", "broken"))
    assert cheap[0] == "scripted cheap 120 ms 120 ms 300 75.0 1,000 ms $8.00 $14.40 0"
    assert dear[0].endswith(" $15.00 $27.00 1 (50%)")
    assert free[0].endswith(f" ~75.0 1,000 ms {UNKNOWN} {UNKNOWN} 0")
    assert broken[0] == f"scripted broken {f'{UNKNOWN} ' * 5}$9.00 {UNKNOWN} 1 (100%)"
    assert cheap[1] == "scripted cheap $8.00 $15.00 47 % $24.00 $21.00"
    assert free[1] == f"scripted free {UNKNOWN} $15.00 {UNKNOWN} {UNKNOWN} {UNKNOWN}"
    assert "100,000 tokens a day, 30 days, 11% of them input as measured, against scripted/dear" in text
    assert "scripted/dear: timeout, 1 of 2: It broke." in text
    assert "\x1b" not in text


@pytest.mark.parametrize(("width", "tables"), [(100, 2), (80, 3), (40, 7), (20, 13)])
def test_a_table_that_is_too_wide_is_split(width: int, tables: int) -> None:
    one_table, text = printed(mixed()), printed(mixed(), width)
    assert max(map(len, text.splitlines())) <= width
    # The second line of a header has the names of the columns.
    assert len(re.findall(r"^(?:Provider|Target) ", text, re.MULTILINE)) == tables
    figures = [set(re.findall(r"[$~]?[\d.,]+", report)) for report in (one_table, text)]
    assert figures[0] == figures[1]
    # Names are folded only where there is no room for them.
    assert ("scripted/cheap " in text) == (width in {80, 40})


def test_without_a_terminal_progress_is_ten_lines() -> None:
    screen = Console(file=io.StringIO(), width=80)
    target = subject("[bold]a")
    with progress(screen, Plan([target], requests=40)) as show:
        for number in range(40):
            show(target, failed("timeout") if number == 7 else answered(0.1))
    assert isinstance(screen.file, io.StringIO)
    lines = screen.file.getvalue().splitlines()
    assert len(lines) == 10
    assert lines[0] == "[ 4/40] scripted/[bold]a"
    assert lines[-1] == "[40/40] scripted/[bold]a, 1 failed"


def test_in_a_terminal_progress_is_a_bar() -> None:
    screen = Console(file=io.StringIO(), width=80, force_terminal=True)
    target = subject("a")
    with progress(screen, Plan([target], requests=2)) as show:
        show(target, answered(0.1))
        show(target, answered(0.1))
    assert isinstance(screen.file, io.StringIO)
    assert "2/2" in screen.file.getvalue()
