"""Ratios to other servers, and their changes."""

from pathlib import Path

import pytest

from tests.bench.compare import Ratio, Verdict, compare, ratios
from tests.bench.results import Results, Row, UnreadableError, dump, load

FIREHOSE = Ratio("firehose", "cpu_us_per_token", "sse", "express")


def results(**costs: float) -> Results:
    """Return results with these costs per token: `firehose_sse=…`."""
    rows = []
    for name, cost in costs.items():
        row, target = name.rsplit("_", 1)
        row = row.replace("_", "-")
        rows.append(Row(row, row, target, [{"cpu_us_per_token": cost}]))
    return Results("now", {}, {}, 1, rows=rows)


def test_a_ratio_is_our_figure_divided_by_another_servers() -> None:
    assert ratios(results(firehose_sse=10, firehose_express=20, firehose_nginx=4)) == {
        FIREHOSE: 0.5,
        Ratio("firehose", "cpu_us_per_token", "sse", "nginx"): 2.5,
    }


def test_without_another_server_there_is_no_ratio() -> None:
    assert ratios(results(firehose_sse=10)) == {}
    assert ratios(results(firehose_express=10)) == {}
    assert ratios(results(firehose_sse=10, firehose_express=0)) == {}


def test_fan_out_is_compared_with_the_streams_of_another_server() -> None:
    found = ratios(results(fan_out_sse=5, paced_500_express=50))
    assert found == {Ratio("fan-out", "cpu_us_per_token", "sse", "express"): 0.1}


def test_a_faster_machine_does_not_change_a_ratio() -> None:
    slow, fast = results(firehose_sse=10, firehose_express=20), results(firehose_sse=5, firehose_express=10)
    (change,) = compare(ratios(slow), ratios(fast))
    assert (change.verdict, change.relative) == ("same", 0.0)


@pytest.mark.parametrize(
    ("now", "verdict"), [(1.0, "same"), (1.24, "same"), (1.26, "worse"), (0.81, "same"), (0.79, "better")]
)
def test_only_a_change_above_the_tolerance_counts(now: float, verdict: Verdict) -> None:
    (change,) = compare({FIREHOSE: 1.0}, {FIREHOSE: now}, 0.25)
    assert change.verdict == verdict
    assert change.relative == pytest.approx(now - 1)


def test_missing_and_new_ratios_are_listed() -> None:
    other = Ratio("short", "cpu_ms_per_request", "sse", "nginx")
    missing, new = compare({FIREHOSE: 1.0}, {other: 2.0})
    assert (missing.ratio, missing.verdict, missing.relative) == (FIREHOSE, "missing", None)
    assert (new.ratio, new.verdict, new.relative) == (other, "new", None)


def test_the_median_of_the_runs_counts() -> None:
    ours = Row("firehose", "firehose", "sse", [{"cpu_us_per_token": cost} for cost in (1.0, 2.0, 90.0)])
    other = Row("firehose", "firehose", "express", [{"cpu_us_per_token": 4.0}])
    assert ratios(Results("now", {}, {}, 3, rows=[ours, other]))[FIREHOSE] == 0.5


def test_results_are_read_as_they_were_written(tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    written = results(firehose_sse=10, firehose_express=20)
    file.write_text(dump(written), "utf-8")
    assert load(file) == written


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"version": 0}', '{"version": 1, "rows": [{}]}'])
def test_a_file_without_results_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "results.json"
    file.write_text(text)
    with pytest.raises(UnreadableError):
        load(file)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match="can't be read"):
        load(tmp_path / "nothing.json")
