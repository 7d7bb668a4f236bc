"""Attributes of spans: names of the conventions, known values only."""

import re

import pytest
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes

from gateway.generation.attempt import Attempt
from gateway.protocol.events import Usage
from gateway.telemetry.traces.attributes import OPTIONS, USAGE, error_of, of_answer, of_call
from tests.log_events import ROOT

NEWER = {"gen_ai.usage.cache_write.input_tokens"}
"""Names that the conventions have changed since the release of the library."""


def test_our_names_are_those_of_the_conventions() -> None:
    known = {value for name, value in vars(gen_ai_attributes).items() if name.startswith("GEN_AI_")}
    ours = {*USAGE.values(), *(name for name, _ in OPTIONS.values())}
    assert ours - known == NEWER


def test_options_of_another_type_are_left_out() -> None:
    call = of_call(Attempt(1, 1, 10, "openai", "gpt-4.1"), {"temperature": 1, "seed": "x", "top_p": True})
    assert call["gen_ai.request.temperature"] == 1.0
    assert "gen_ai.request.seed" not in call
    assert "gen_ai.request.top_p" not in call


def test_unknown_is_left_out() -> None:
    attempt = Attempt(1, 1, 10, "openai", "gpt-4.1")
    attempt.set_usage(Usage(7, 8, "exact"), final=True)
    answer = of_answer(attempt)
    assert (answer["gen_ai.usage.input_tokens"], answer["dualstream.usage.source"]) == (7, "exact")
    assert "gen_ai.usage.cache_read.input_tokens" not in answer
    assert "dualstream.cost_usd" not in answer


@pytest.mark.parametrize(
    ("ended", "error"),
    [("answered", None), ("lost", None), ("cancelled", None), (None, None), ("timeout", "timeout")],
)
def test_only_failures_are_errors(ended: str | None, error: str | None) -> None:
    attempt = Attempt(1, 1, 10)
    attempt.ended = ended
    assert error_of(attempt) == error


def test_every_attribute_and_event_is_documented() -> None:
    source = (ROOT / "gateway/telemetry/traces/attributes.py").read_text(encoding="utf-8")
    names = set(re.findall(r'"((?:gen_ai|dualstream)\.[a-z_.]+)"', source))
    page = (ROOT / "docs/operations/traces.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"`((?:gen_ai|dualstream)?\.[a-z_.]+)`", page))
    short = {f"gen_ai.request{name}" for name in documented if name.startswith(".")}
    assert names - documented - short == set()
    assert {name for name in documented if not name.startswith(".")} - names == set()
