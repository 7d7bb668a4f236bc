"""The tables of the documentation are those of the stored baseline."""

import pytest

from tests.bench.commands.files import BASELINE
from tests.bench.commands.table import PAGES
from tests.bench.report.goals import GOALS
from tests.bench.report.markdown import MARK, PARTS, UnknownPartError, fill
from tests.bench.results import Results, Row, load
from tests.bench.scenarios import SCENARIOS


def part(name: str, results: Results) -> str:
    """Return a part as it is written."""
    return fill(f"<!-- bench:{name} --><!-- /bench -->", results)


def costs(row: str, figure: str, **by_target: float) -> Results:
    """Return results of one row."""
    return Results(
        "now", {}, {}, 1, rows=[Row(row, row, target, [{figure: cost}]) for target, cost in by_target.items()]
    )


def test_the_pages_show_the_baseline() -> None:
    baseline = load(BASELINE)
    for page in PAGES:
        text = page.read_text("utf-8")
        assert fill(text, baseline) == text, f"{page.name}: run `python -m tests.bench table`"


def test_every_part_is_on_a_page() -> None:
    assert {mark["name"] for page in PAGES for mark in MARK.finditer(page.read_text("utf-8"))} == set(PARTS)


def test_every_goal_is_of_a_figure_that_is_measured() -> None:
    metrics = {name: scenario.metrics for scenario in SCENARIOS for name in scenario.rows}
    assert all(goal.metric in metrics[goal.row] for goal in GOALS)


def test_a_goal_that_is_missed_is_reported_as_missed() -> None:
    line = part("goals", costs("steady", "cpu_us_per_token", nginx=20, sse=39, websocket=50)).splitlines()[4]
    assert line == (
        "| Steady, 100 streams: CPU per token, µs | 20.0 | - | 39.0, 1.95 x | 50.0, 2.50 x | - | 2 / 2.1 x | SSE yes, "
        "WebSocket **no** |"
    )


def test_an_absolute_goal_is_met() -> None:
    text = part("goals", costs("short", "cpu_ms_per_request", sse=0.5, websocket=0.8))
    assert "| 0.50 | 0.80 | - | 0.5 / 0.8 ms | yes |" in text


def test_a_dialect_may_cost_a_tenth_more() -> None:
    text = part("targets", costs("steady", "cpu_us_per_token", sse=20, chat=21.9, redis=22.1))
    assert "| Chat Completions | 21.9 |  |  |  |  | 1.09 | yes |" in text
    assert "| SSE, Redis | 22.1 |  |  |  |  | 1.10 | **no** |" in text


def test_before_and_after_are_in_one_table() -> None:
    before = {"sse": 20.0, "sse@abc": 40.0}
    text = part("changes", costs("steady", "cpu_us_per_token", **before))
    assert "| abc → now | SSE |" in text
    assert "| Steady, 100 streams: CPU per token | 40.0 → 20.0 µs (-50%) |" in text
    assert "no other revision" in part("changes", costs("steady", "cpu_us_per_token", sse=20.0))


@pytest.mark.parametrize(
    ("sse", "websocket", "difference"), [(40, 50, "SSE 20% less"), (50, 40, "WebSocket 20% less"), (40, 41, "none")]
)
def test_the_transports_are_compared(sse: float, websocket: float, difference: str) -> None:
    text = part("transports", costs("paced-500", "cpu_us_per_token", sse=sse, websocket=websocket))
    assert f"| CPU per token, 500 streams | {sse:.1f} µs | {websocket:.1f} µs | {difference} |" in text


def test_what_joining_saves_is_stated() -> None:
    rows = [
        Row(name, name, "sse", [{"cpu_us_per_token": cost, "delay_p50_ms": 1.0}])
        for name, cost in (("coalesce-200-0", 30.0), ("coalesce-200-100", 15.0))
    ]
    text = part("coalesced", Results("", {}, {}, 1, rows=rows))
    assert "| 200 | 0 | 30.0 | - | 1.00 ms | - |" in text
    assert "| 200 | 100 | 15.0, -50% | - | 1.00 ms | - |" in text


def test_sentences_hold_figures() -> None:
    idle = costs("idle", "kb_per_stream", sse=22, websocket=26)
    assert part("idle", idle) == "<!-- bench:idle -->22.0 KB (SSE) to 26.0 KB (WebSocket)<!-- /bench -->"
    text = part("cost", idle).replace("\N{NO-BREAK SPACE}", " ")
    assert "takes 22.0 KB of memory over SSE" in " ".join(text.split())
    assert "0.32 ms in the median" in part("close", costs("leave", "close_p50_ms", sse=0.32))
    assert "0.50 ms for a short answer" in part("overhead", costs("short", "cpu_ms_per_request", sse=0.5))


def test_an_unknown_part_is_refused() -> None:
    with pytest.raises(UnknownPartError, match="other"):
        part("other", Results("", {}, {}, 1))


def test_noise_is_stated() -> None:
    row = Row("firehose", "firehose", "sse", [{"others_cores": 0.25, "stolen_cores": 0.01}])
    text = " ".join(part("conditions", Results("", {}, {}, 1, rows=[row])).split())
    assert "0.25 cores in the median row and 0.25 in the worst (firehose, SSE); the host stole at most 0.01." in text
