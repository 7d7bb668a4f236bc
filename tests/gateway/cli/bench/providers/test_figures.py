"""Figures of one target, computed from its samples."""

from dataclasses import replace

import pytest

from gateway.billing.prices import Price, flat
from gateway.cli.bench.providers.figures import Figures, Spread, Tokens, compute_figures
from gateway.protocol.events import Usage
from tests.gateway.cli.bench.providers.fakes import answered, failed


def test_figures_are_of_answered_requests() -> None:
    found = compute_figures(
        [answered(0.1), failed("timeout", "first"), failed("timeout", "second"), answered(0.3), failed("empty")],
        flat(8.0),
    )
    assert (found.requests, found.answered, found.error_rate) == (5, 2, 0.6)
    assert found.errors == {"timeout": 2, "empty": 1}
    assert found.messages == {"timeout": "first", "empty": "It broke."}
    assert found.ttft == Spread(0.1, 0.3)
    assert found.chars_per_s == 300
    assert found.tokens_per_s == 75
    assert found.gap_p95 == 1.0
    assert found.tokens == Tokens(20, 160, None, exact=True)


def test_the_cost_of_ten_thousand_requests_matches_the_original_comparison() -> None:
    asked = [answered(0.1, tokens=(0, 160))]
    assert compute_figures(asked, flat(8.0)).cost_of_many == pytest.approx(12.80)
    assert compute_figures(asked, flat(15.0)).cost_of_many == pytest.approx(24.00)
    assert compute_figures(asked, flat(2.5)).cost_of_many == pytest.approx(4.00)


def test_cached_input_costs_less() -> None:
    cached = replace(answered(0.1), usage=Usage(100, 10, "exact", cached_input_tokens=60))
    found = compute_figures([cached, answered(0.1, tokens=(100, 10))], Price(10, 1, 20))
    assert found.cost == pytest.approx(((40 * 10 + 60 * 1 + 200) + (1000 + 200)) / 2 / 1e6)
    assert found.tokens == Tokens(100, 10, 30, exact=True)


def test_unknown_figures_are_none() -> None:
    nothing = compute_figures([failed("timeout")], flat(8.0))
    assert nothing == Figures(
        1, 0, {"timeout": 1}, {"timeout": "It broke."}, None, None, None, None, None, None, flat(8.0), None
    )
    assert nothing.cost_of_many is None
    assert compute_figures([], None).error_rate is None
    assert compute_figures([answered(0.1)], None).cost is None


def test_one_estimate_makes_the_mean_an_estimate() -> None:
    found = compute_figures([answered(0.1), answered(0.1, exact=False)], None)
    assert found.tokens is not None
    assert not found.tokens.exact
