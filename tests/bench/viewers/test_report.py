"""What a run shows: rows, the page, orders between the processes, sizes."""

from io import StringIO
from pathlib import Path

from rich.console import Console

from tests.bench.messages import Request
from tests.bench.viewers.connect import PORTS_PER_ADDRESS, source_address
from tests.bench.viewers.orders import Begin, Finish, Interrupt, Look, Open, decode_order, encode_order
from tests.bench.viewers.report import BEGIN, END, PAGE, Report
from tests.bench.viewers.rows import Row, ratio
from tests.bench.viewers.size import QUICK, Size

MACHINE = {"cores": "2", "processor": "p", "memory": "24 GB", "kernel": "Linux 6"}


def test_orders_are_read_as_they_were_written() -> None:
    opening = Open(80, Request("sse", "/"), 10, 5, 1.0)
    for order in (opening, Begin(), Look(), Interrupt(2, 0.1), Finish(3, 1.0)):
        assert decode_order(encode_order(order)) == order


def test_a_row_shows_what_was_measured() -> None:
    row = Row("times", ("p50_ms", "p99_ms"), "ms", 1)
    assert [row.format(figures) for figures in ({"p50_ms": 1200.0, "p99_ms": 2.25}, {"p50_ms": 1.0}, {})] == [
        "1,200.0 / 2.2 ms",
        "1.0 / - ms",
        "-",
    ]


def test_the_ratio_needs_both_scenarios() -> None:
    assert ratio({"cpu_us_per_token": 60.0}, {"cpu_us_per_event": 12.0}) == {"event_ratio": 0.2}
    assert ratio({}, {"cpu_us_per_event": 12.0}) == {}


def test_the_figures_are_written_into_the_page(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}old\n{END}after\n")
    figures = {"own": {"sse": {"viewers": 200.0}}}
    Report("today", MACHINE, {"python": "3.11", "uvloop": "1"}, figures).write_page(page)
    text = page.read_text()
    assert text.startswith(f"before\n{BEGIN}")
    assert text.endswith(f"{END}after\n")
    assert "| viewers | 200 |" in text
    assert "old" not in text


def test_a_run_says_whether_anything_was_lost() -> None:
    shown = Console(record=True, file=StringIO())
    Report("today", MACHINE, {}).show_problems(shown)
    Report("today", MACHINE, {}, problems=["3 tokens were lost"]).show_problems(shown)
    assert shown.export_text().splitlines() == ["Nothing was lost, received twice or refused.", "3 tokens were lost"]


def test_the_page_has_its_place_for_the_figures() -> None:
    assert PAGE.read_text("utf-8").partition(BEGIN)[2].partition(END)[1]


def test_open_files_bound_the_streams() -> None:
    assert Size().own_streams(1_000_000) == Size().viewers
    assert Size().own_streams(20_000) == 9_920
    assert QUICK.own_streams(1_024) == QUICK.viewers


def test_addresses_change_before_their_ports_end() -> None:
    addresses = [source_address(number) for number in (0, PORTS_PER_ADDRESS - 1, PORTS_PER_ADDRESS)]
    assert addresses == ["127.0.0.1", "127.0.0.1", "127.0.0.2"]
