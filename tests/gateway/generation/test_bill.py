"""Usage of all attempts of a generation."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.billing.prices import Price
from gateway.generation.attempt import Attempt
from gateway.generation.bill import bill_of, output_tokens
from gateway.protocol.commands import FeedbackRequest
from gateway.protocol.events import Usage
from tests.gateway.generation.generations import new_generation, streaming


def test_usage_is_the_sum_of_all_attempts_and_exact_only_if_each_is() -> None:
    generation = streaming()
    generation.attempts[-1].set_usage(Usage(5, 10, "exact"), final=True)
    generation.feedback("f", FeedbackRequest(text="again"), 103.0)
    generation.on_closed(103.0)
    generation.begin_attempt().set_usage(Usage(7, 20, "exact"), final=True)
    assert generation.usage() == Usage(12, 30, "exact")
    generation.attempts[-1].usage_final = False
    usage = generation.usage()
    assert usage == Usage(12, 30, "estimated")


def test_unknown_usage_is_not_zero_and_zero_is_not_estimated() -> None:
    generation = streaming()
    generation.attempts[-1].set_usage(Usage(5, None, "exact"), final=True)
    assert generation.usage().output_tokens is None
    generation.attempts[-1].text_bytes = 0
    generation.attempts[-1].set_usage(Usage(5, 0, "exact"), final=True)
    assert generation.usage() == Usage(5, 0, "exact")


def test_zeros_that_can_not_be_true_are_estimated() -> None:
    generation = streaming()
    for figures in (Usage(5, 0, "exact"), Usage(None, 0, "exact"), Usage(0, 0, "exact")):
        generation.attempts[-1].set_usage(figures, final=True)
        usage = generation.usage()
        assert (usage.output_tokens, usage.source) == (3, "estimated")


def test_usage_from_the_middle_of_an_answer_is_a_lower_bound() -> None:
    generation = streaming()
    generation.attempts[-1].set_usage(Usage(10, 0, "exact"), final=False)
    assert generation.usage() == Usage(10, 3, "estimated")
    generation.attempts[-1].set_usage(Usage(10, 50, "exact"), final=False)
    assert generation.usage() == Usage(10, 50, "estimated")


def test_a_call_that_is_cancelled_before_its_answer_is_charged() -> None:
    generation = new_generation()
    generation.on_admitted(100.0)
    generation.begin_attempt()
    generation.interrupt("client", None, 101.0)
    generation.on_closed(101.0)
    usage = generation.usage()
    assert usage.input_tokens
    assert usage.output_tokens == 0


def test_a_generation_that_reached_no_upstream_costs_nothing() -> None:
    generation = new_generation()
    generation.interrupt("client", None, 101.0)
    generation.on_closed(101.0)
    assert generation.usage() == Usage(0, 0, "exact")


TOKENS = st.none() | st.integers(0, 1000)


@st.composite
def attempts(draw: st.DrawFn) -> Attempt:
    price = draw(st.none() | st.just(Price(2.0, 0.5, 8.0)))
    attempt = Attempt(1, 1, draw(st.integers(0, 1000)), price=price)
    attempt.text_bytes, attempt.refused = draw(st.integers(0, 1000)), draw(st.booleans())
    if draw(st.booleans()):
        attempt.set_usage(Usage(draw(TOKENS), draw(TOKENS), "exact", draw(TOKENS)), final=draw(st.booleans()))
    return attempt


@given(attempts())
def test_the_bill_of_one_attempt_is_that_of_a_sum(attempt: Attempt) -> None:
    refused = Attempt(2, 1, 5, refused=True)
    alone, summed = bill_of([attempt]), bill_of([attempt, refused])
    assert repr((*alone[:3], *alone.usages, *alone.costs)) == repr((*summed[:3], summed.usages[0], summed.costs[0]))
    assert (summed.usages[1], summed.costs[1]) == (None, 0.0)


@given(attempts())
def test_figures_of_the_provider_count_if_they_are_final_and_can_be_true(attempt: Attempt) -> None:
    usage = attempt.usage
    is_known = usage is not None and attempt.usage_final and bool(usage.input_tokens or usage.output_tokens)
    if usage is not None and usage.output_tokens == 0 and attempt.text_bytes:
        is_known = False
    used = attempt.used()
    if attempt.refused or is_known:
        assert used is usage
    else:
        assert used is not None
        assert used.source == "estimated"
        assert (used.output_tokens or 0) * 4 >= attempt.text_bytes


def test_output_is_counted_for_one_revision() -> None:
    first, second = Attempt(1, 1, 5, text_bytes=40), Attempt(2, 2, 5, text_bytes=8)
    silent = Attempt(3, 2, 5)
    silent.set_usage(Usage(5, 30, "exact"), final=True)
    usages = [attempt.used() for attempt in (first, second, silent)]
    assert output_tokens([first, second, silent], usages, 1, silent) == 10
    assert output_tokens([first, second, silent], usages, 2, silent) == 32
    assert output_tokens([first, second, silent], usages, 2, second) == 2
