"""One result in every form: they say the same, and unknown is never 0."""

import csv
import io
import re

import orjson
import pytest
from rich.console import Console

from gateway.billing.prices import Price, flat
from gateway.cli.bench.plan import Plan
from gateway.cli.bench.report.data import to_csv, to_json
from gateway.cli.bench.report.page import COLOURS, page
from gateway.cli.bench.report.table import NOTHING, errors, money, ms, percent, price
from gateway.cli.bench.report.terminal import progress, show
from gateway.cli.bench.results import Results
from tests.gateway.cli.bench.fakes import answered, failed, result, subject

EVIL = "<script>alert(1)</script>\x1b[2J"


def mixed() -> Results:
    subjects = [subject("free"), subject("dear", flat(15.0)), subject("broken", flat(9.0)), subject("cheap", flat(8.0))]
    samples = {
        "free": [answered(0.1, exact=False)],
        "dear": [answered(0.4), failed("timeout")],
        "broken": [failed("server_error", EVIL)],
        "cheap": [answered(0.12)],
    }
    return result(subjects, samples)


def printed(results: Results, width: int = 160) -> str:
    screen = Console(file=io.StringIO(), width=width, highlight=False)
    show(screen, results)
    assert isinstance(screen.file, io.StringIO)
    return screen.file.getvalue()


def shown(text: str, model: str) -> list[str]:
    """Find a model's lines in the tables, each blank as one."""
    return [" ".join(line.split()) for line in re.findall(rf"^scripted +{model} .*", text, re.MULTILINE)]


def test_the_cheapest_is_first_and_the_unknown_last() -> None:
    assert [line.subject.model for line in mixed().lines] == ["cheap", "dear", "free", "broken"]
    assert mixed().broken


def test_the_terminal_shows_both_tables_and_what_went_wrong() -> None:
    text = printed(mixed())
    cheap, dear, free, broken = (shown(text, name) for name in ("cheap", "dear", "free", "broken"))
    assert cheap[0] == "scripted cheap 120 ms 120 ms 300 75.0 1,000 ms $8.00 $14.40 0"
    assert dear[0].endswith(" $15.00 $27.00 1 (50%)")
    assert free[0].endswith(f" ~75.0 1,000 ms {NOTHING} {NOTHING} 0")
    assert broken[0] == f"scripted broken {f'{NOTHING} ' * 5}$9.00 {NOTHING} 1 (100%)"
    assert cheap[1] == "scripted cheap $8.00 $15.00 47 % $24.00 $21.00"
    assert free[1] == f"scripted free {NOTHING} $15.00 {NOTHING} {NOTHING} {NOTHING}"
    assert "100,000 tokens a day, 30 days, 11% of them input as measured, against scripted/dear" in text
    assert "scripted/dear: timeout, 1 of 2: It broke." in text
    assert "\x1b" not in text


@pytest.mark.parametrize(("width", "tables"), [(100, 2), (80, 3), (40, 7), (20, 13)])
def test_a_table_that_is_too_wide_is_divided(width: int, tables: int) -> None:
    whole, text = printed(mixed()), printed(mixed(), width)
    assert max(map(len, text.splitlines())) <= width
    # A table begins with its header, whose second line is that of the names.
    assert len(re.findall(r"^(?:Provider|Target) ", text, re.MULTILINE)) == tables
    told = [set(re.findall(r"[$~]?[\d.,]+", report)) for report in (whole, text)]
    assert told[0] == told[1]
    # Names are folded only where there is no room for them.
    assert ("scripted/cheap " in text) == (width in {80, 40})


def test_json_and_csv_say_the_same() -> None:
    told = orjson.loads(to_json(mixed()))
    rows = list(csv.DictReader(io.StringIO(to_csv(mixed()))))
    assert [row["target"] for row in rows] == [target["target"] for target in told["targets"]]
    for row, target in zip(rows, told["targets"], strict=True):
        for name in set(row) - {"errors"}:
            assert row[name] == ("" if target[name] is None else str(target[name])), name
        assert len(target["samples"]) == target["requests"]
    assert rows[1]["errors"] == "timeout:1"
    assert told["targets"][2]["cost_per_request_usd"] is None
    assert told["targets"][0]["cost_per_10000_usd"] == 14.4
    assert told["baseline"] == "scripted/dear"


def test_the_page_needs_nothing_else_and_escapes_what_it_shows() -> None:
    text = page(mixed())
    assert not re.search(r"<(script|link|img|iframe)\b", text)
    assert "http" not in text
    assert "&lt;script&gt;" in text
    assert text.count("<svg") == 8
    assert COLOURS.read_text("utf-8") in text
    assert "$14.40" in text


def test_a_run_that_was_interrupted_at_once_can_be_shown() -> None:
    nothing = result([subject("a", flat(8.0)), subject("b", Price(1, 1, 2))], {})
    assert not nothing.broken
    assert "nothing was measured" in page(nothing)
    assert NOTHING in printed(nothing)
    assert orjson.loads(to_json(nothing))["targets"][0]["error_rate"] is None
    assert to_csv(nothing).count("\n") == 3


def test_how_figures_are_written() -> None:
    assert [ms(None), ms(0.0), ms(0.0042), ms(1.2344)] == [NOTHING, "0 ms", "4.2 ms", "1,234 ms"]
    assert [money(None), money(0), money(0.0042), money(-3), money(1234.5)] == [
        NOTHING,
        "$0.00",
        "$0.0042",
        "-$3.00",
        "$1,234.50",
    ]
    assert [percent(None), percent(-0.2), percent(46.7), percent(-50)] == [NOTHING, "0 %", "47 %", "-50 %"]
    assert [price(None), price(flat(8)), price(Price(2, 0.5, 8))] == [NOTHING, "$8.00", "$2.00 / $8.00"]
    assert errors(mixed().lines[0].figures) == "0"


def test_without_a_terminal_progress_is_a_line_now_and_then() -> None:
    screen = Console(file=io.StringIO(), width=80)
    one = subject("[bold]a")
    with progress(screen, Plan([one], requests=40)) as told:
        for number in range(40):
            told(one, failed("timeout") if number == 7 else answered(0.1))
    assert isinstance(screen.file, io.StringIO)
    lines = screen.file.getvalue().splitlines()
    assert len(lines) == 10
    assert lines[0] == "[ 4/40] scripted/[bold]a"
    assert lines[-1] == "[40/40] scripted/[bold]a, 1 failed"


def test_in_a_terminal_progress_is_a_bar() -> None:
    screen = Console(file=io.StringIO(), width=80, force_terminal=True)
    one = subject("a")
    with progress(screen, Plan([one], requests=2)) as told:
        told(one, answered(0.1))
        told(one, answered(0.1))
    assert isinstance(screen.file, io.StringIO)
    assert "2/2" in screen.file.getvalue()
