"""The page."""

import re

from gateway.cli.bench.document import COLOURS
from gateway.cli.bench.transports.plan import Plan
from gateway.cli.bench.transports.report.page import page
from gateway.cli.bench.transports.results import build_results
from tests.gateway.cli.bench.transports.examples import INFO, MACHINE, mixed


def test_the_page_has_all_measures_and_nothing_from_elsewhere() -> None:
    results = mixed()
    text = page(results)
    assert COLOURS.read_text("utf-8") in text
    for measure in results.measures:
        assert text.count(measure.title) >= 2
    assert len(re.findall("<svg ", text)) == 2 * len(results.measures)
    assert "src=" not in text
    assert "https://" not in text
    assert "<script" not in text


def test_what_a_gateway_says_is_escaped() -> None:
    text = page(mixed())
    assert "&lt;longer&gt;" in text
    assert "<longer>" not in text


def test_a_page_without_answers() -> None:
    assert "All figures" in page(build_results(Plan(), [], [], INFO, MACHINE))
