"""The order of results."""

from tests.gateway.cli.bench.providers.report.examples import mixed


def test_lines_are_sorted_by_cost_and_unknown_costs_are_last() -> None:
    assert [line.subject.model for line in mixed().lines] == ["cheap", "dear", "free", "broken"]
    assert mixed().broken
