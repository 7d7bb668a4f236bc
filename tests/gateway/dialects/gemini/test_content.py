"""Content as parts."""

import orjson

from gateway.dialects.gemini.content import Content
from gateway.protocol.commands import JsonObject
from gateway.protocol.events import Chunk, Event, Part, Reasoning, SignedReasoning, ToolCall
from gateway.upstreams.formats.gemini_thoughts import unpack
from tests.gateway.dialects.gemini.projected import log_of

THINKING = (
    Reasoning("Hm"),
    SignedReasoning("", "S", "anthropic"),
    Part("redacted_reasoning", {"data": "R", "format": "x"}),
)
DETAILS: list[JsonObject] = [
    {"type": "reasoning.text", "text": "Hm", "signature": "S", "format": "anthropic"},
    {"type": "reasoning.encrypted", "data": "R", "format": "x"},
]
CALL = ToolCall(0, "c", "look", "{}")


def parts(*events: Event, includes_thoughts: bool = False) -> list[JsonObject]:
    answer = Content(includes_thoughts=includes_thoughts)
    found = [part for entry in log_of(*events).since(0) for part in answer.add(entry)]
    return [*found, *answer.finish()]


def test_thoughts_are_shown_if_they_were_asked_for() -> None:
    assert parts(Reasoning("Hm"), Chunk("x")) == [{"text": "x"}]
    assert parts(Reasoning("Hm"), Chunk("x"), includes_thoughts=True) == [
        {"text": "Hm", "thought": True},
        {"text": "x"},
    ]


def test_the_first_call_carries_the_reasoning() -> None:
    first, second = parts(*THINKING, CALL, ToolCall(1, "d", "look", "{}"))
    assert unpack(str(first["thoughtSignature"])) == DETAILS
    assert "thoughtSignature" not in second


def test_the_signature_of_a_call_stays() -> None:
    call, rest = parts(*THINKING, ToolCall(0, "c", "look", "{}", "G"))
    assert call["thoughtSignature"] == "G"
    assert rest["text"] == ""
    assert unpack(str(rest["thoughtSignature"])) == DETAILS


def test_a_text_without_calls_is_followed_by_the_reasoning() -> None:
    text, rest = parts(*THINKING, Chunk("x"))
    assert text == {"text": "x"}
    assert unpack(str(rest["thoughtSignature"])) == DETAILS


def test_calls_whose_pieces_alternate() -> None:
    found = parts(
        ToolCall(0, "c", "look", '{"x"'),
        ToolCall(1, "d", "ask", "{"),
        ToolCall(0, None, None, ":1}"),
        ToolCall(1, None, None, "}"),
    )
    assert orjson.dumps(found).count(b"functionCall") == 2
    # The end of the answer cut the last call off.
    assert len(parts(CALL, ToolCall(1, "d", "ask", "{"))) == 1


def test_sources_and_log_probabilities_are_fields() -> None:
    answer = Content(includes_thoughts=False)
    citation = Part("citation", {"url": "https://x", "title": None, "text": None})
    for entry in log_of(Part("logprobs", {"tokens": []}), citation, Part("refusal", {}), Part("server_tool", {})).since(
        0
    ):
        assert answer.add(entry) == []
    assert answer
    assert answer.take_fields() == {"logprobsResult": {"topCandidates": [], "chosenCandidates": []}}
    assert not answer
    assert answer.finish() == []
    assert answer.take_fields() == {"groundingMetadata": {"groundingChunks": [{"web": {"uri": "https://x"}}]}}
