"""Tables in the terminal."""

import re

import pytest

from gateway.cli.bench.formats import UNKNOWN
from tests.gateway.cli.bench.providers.report.examples import mixed, printed, shown


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
