"""The table and the page, also of incomplete results."""

import re
from pathlib import Path

import pytest

from gateway.cli.bench.charts import Bar, bars
from gateway.cli.bench.document import STYLE
from tests.bench.figures import Figures
from tests.bench.report.curves import Curve, curves
from tests.bench.report.page import page
from tests.bench.report.table import Line, describe_noise, table_lines
from tests.bench.results import Results, Row
from tests.bench.runner import turns
from tests.bench.scenarios import SCENARIOS, Scenario
from tests.bench.targets import TARGETS


def results() -> Results:
    rows = [
        Row(scenario.name, name, target, [_run(scenario, cost), _run(scenario, cost * 2)])
        for scenario in SCENARIOS
        for name in scenario.rows
        for cost, target in enumerate(scenario.targets, start=1)
    ]
    return Results("today", {"cores": "2"}, {"python": "3"}, 2, 60, rows, {})


def _run(scenario: Scenario, cost: float) -> Figures:
    found = {metric.name: float(cost) for metric in scenario.metrics}
    return {**found, "others_cores": 0.1, "stolen_cores": 0.0}


def lines_of(scenario: str, shown: Results) -> dict[str, Line]:
    return {line.target: line for line in table_lines(shown) if line.scenario.name == scenario}


def test_every_metric_of_every_target_has_a_line() -> None:
    found = {(line.title, line.metric, line.target) for line in table_lines(results())}
    figures = sum(len(each.rows) * len(each.metrics) * len(each.targets) for each in SCENARIOS)
    ratios_of_own_figures = {line for line in found if "÷" in line[1]}
    assert len(found) == figures + len(ratios_of_own_figures)
    assert len({metric for _, metric, _ in ratios_of_own_figures}) == 3


def test_a_line_has_median_spread_and_ratios() -> None:
    found = lines_of("firehose", results())
    assert {target: line.median for target, line in found.items()} == {
        "sse": "1.5 µs",
        "websocket": "3.0 µs",
        "chat": "4.5 µs",
        "express": "6.0 µs",
        "nginx": "7.5 µs",
        "poll": "9.0 µs",
    }
    assert found["websocket"].spread == "2.0 to 4.0"
    assert found["websocket"].ratios == {"express": "0.50", "nginx": "0.40", "sse": "2.00"}
    assert found["nginx"].ratios == {"express": "1.25"}


def test_a_figure_is_divided_by_that_of_the_other_revision() -> None:
    rows = [
        Row("firehose", "firehose", target, [{"cpu_us_per_token": cost}])
        for target, cost in (("sse", 2.0), ("sse@abc", 4.0), ("websocket", 3.0), ("websocket@abc", 8.0))
    ]
    found = lines_of("firehose", Results("", {}, {}, 1, rows=rows))
    assert found["sse"].ratios == {"before": "0.50"}
    assert found["websocket"].ratios == {"sse": "1.50", "before": "0.38"}
    assert found["websocket@abc"].ratios == {"sse": "2.00"}
    assert found["sse"].spread == ""
    text = page(Results("", {}, {}, 1, rows=rows))
    assert "WebSocket @abc" in text
    assert "÷ before" in text


def test_a_connection_that_is_never_closed_is_reported() -> None:
    row = Row("leave", "leave", "express", [{"never_closed": 100.0, "unseen_tokens": 140.0}])
    medians = {line.metric: line.median for line in table_lines(Results("", {}, {}, 1, rows=[row]))}
    assert medians["until the provider notices, p50"] == "never"
    assert medians["streams never closed"] == "100"


def test_the_page_is_self_contained_and_escapes_text() -> None:
    incomplete = results()
    incomplete.rows[0].problems.append("<script>alert(1)</script>")
    incomplete.skipped["nginx"] = "nginx & Co. is missing"
    text = page(incomplete)
    assert not re.search(r"<(script|link|img|iframe)\b", text)
    assert "http" not in text
    assert "&lt;script&gt;" in text
    assert "nginx &amp; Co. is missing" in text
    for scenario in SCENARIOS:
        assert f"<h2>{scenario.title}</h2>" in text


def test_a_page_may_have_one_scenario_and_one_target() -> None:
    assert "never" in page(Results("", {}, {}, 1, rows=[Row("leave", "leave", "express", [{"never_closed": 1.0}])]))
    assert "nothing was measured" in page(Results("", {}, {}, 0))
    assert describe_noise(Results("", {}, {}, 0)) == "nothing was measured"


def test_bars_are_as_long_as_their_values() -> None:
    drawn = bars(
        [Bar("sse", "SSE", "2 ms", 2, 2, 2), Bar("nginx", "nginx", "1 ms", 1, 1, 1), Bar("express", "E", "never")]
    )
    widths = [float(width) for width in re.findall(r'<rect [^>]*width="([\d.]+)"', drawn)]
    assert widths[0] == pytest.approx(2 * widths[1])
    assert ">never<" in drawn


def test_a_chart_without_points_is_empty() -> None:
    assert curves([Curve("sse", "SSE", [])], str) == ""
    assert "circle" in curves([Curve("sse", "SSE", [(10, 0.0)])], str)


def test_the_targets_of_a_run_follow_one_another() -> None:
    ordered = turns(SCENARIOS[:1], list(TARGETS.values()), 2)
    assert [(turn.run, turn.target.name) for turn in ordered] == [
        (run, name) for run in (0, 1) for name in ("sse", "websocket", "poll", "chat", "express", "nginx")
    ]


def test_the_style_is_in_the_page() -> None:
    text = page(results())
    assert STYLE.read_text("utf-8") in text
    assert Path(__file__).with_name("report").joinpath("colours.css").read_text("utf-8") in text
