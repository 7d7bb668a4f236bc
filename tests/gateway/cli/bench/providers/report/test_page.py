"""Results as an HTML page, and reports of a run without samples."""

import re

import orjson

from gateway.billing.prices import Price, flat
from gateway.cli.bench.document import COLOURS
from gateway.cli.bench.formats import UNKNOWN
from gateway.cli.bench.providers.report.data import to_csv, to_json
from gateway.cli.bench.providers.report.page import page
from tests.gateway.cli.bench.providers.fakes import result, subject
from tests.gateway.cli.bench.providers.report.examples import mixed, printed


def test_the_page_is_self_contained_and_escapes_its_texts() -> None:
    text = page(mixed())
    assert not re.search(r"<(script|link|img|iframe)\b", text)
    assert "http" not in text
    assert "&lt;script&gt;" in text
    assert text.count("<svg") == 8
    assert COLOURS.read_text("utf-8") in text
    assert "$14.40" in text


def test_a_run_without_samples_can_be_reported() -> None:
    nothing = result([subject("a", flat(8.0)), subject("b", Price(1, 1, 2))], {})
    assert not nothing.broken
    assert "nothing was measured" in page(nothing)
    assert UNKNOWN in printed(nothing)
    assert orjson.loads(to_json(nothing))["targets"][0]["error_rate"] is None
    assert to_csv(nothing).count("\n") == 3
