"""What is changed of a request that a client of the same API sent."""

import pytest

from gateway.protocol.commands import JsonObject
from gateway.upstreams.base import UpstreamRequest, VerbatimRequest
from gateway.upstreams.formats.gemini import GeminiFormat
from gateway.upstreams.formats.gemini_thoughts import pack
from gateway.upstreams.formats.thought_signatures import STAND_IN

BODY: JsonObject = {
    "contents": [{"role": "user", "parts": [{"text": "Hello", "new": 1}]}, "new"],
    "generation_config": {"temperature": 1, "max_output_tokens": 500},
    "safetySettings": [],
    "new": {"x": 1},
}
THEIRS = pack([{"type": "reasoning.text", "text": "Hm", "signature": "S", "format": "anthropic"}])


def sent(body: JsonObject, options: JsonObject | None = None, model: str = "gemini-3-pro") -> JsonObject:
    verbatim = VerbatimRequest("gemini", body, {})
    return GeminiFormat().body(UpstreamRequest(model, (), options or {}, verbatim=verbatim))


def test_everything_else_is_sent_as_it_came() -> None:
    assert sent(BODY) == BODY
    # The path names the model.
    assert sent({**BODY, "model": "models/ours"}) == BODY


@pytest.mark.parametrize("name", ["generation_config", "generationConfig"])
def test_a_lower_limit_of_the_output(name: str) -> None:
    body: JsonObject = {name: {"temperature": 1, "max_output_tokens": 500}}
    assert sent(body, {"max_tokens": 100})[name] == {"temperature": 1, "maxOutputTokens": 100}
    assert sent({}, {"max_tokens": 100}) == {"generationConfig": {"maxOutputTokens": 100}}


@pytest.mark.parametrize("name", ["thoughtSignature", "thought_signature"])
@pytest.mark.parametrize(("model", "stand_in"), [("gemini-3-pro", True), ("gemini-2.5-flash", False)])
def test_signatures_of_other_providers_are_left_out(name: str, model: str, stand_in: bool) -> None:
    call: JsonObject = {"functionCall": {"name": "look"}}
    own: JsonObject = {"text": "y", name: "own"}
    turn: JsonObject = {"role": "model", "parts": [{"text": "x", name: THEIRS}, own, {**call, name: THEIRS}]}
    signed: JsonObject = {name: STAND_IN} if stand_in else {}
    assert sent({"contents": [turn]}, model=model)["contents"] == [
        {"role": "model", "parts": [{"text": "x"}, own, {**call, **signed}]}
    ]
