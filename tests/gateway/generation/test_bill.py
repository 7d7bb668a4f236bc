"""Usage of all attempts of a generation."""

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
