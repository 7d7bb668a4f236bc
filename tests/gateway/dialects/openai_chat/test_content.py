"""Content of a log as chunks."""

from gateway.protocol.commands import JsonObject
from gateway.protocol.events import Chunk, Part, Reasoning, SignedReasoning, TextBatch, ToolCall
from tests.gateway.dialects.openai_chat.responses import COMPLETE, START, chunks_of, deltas_of

TOKEN: JsonObject = {"token": "no", "logprob": -0.1, "bytes": None, "top_logprobs": []}
LOGPROBS = Part("logprobs", {"tokens": [TOKEN]})
REFUSAL = Part("refusal", {})


def test_text_and_reasoning() -> None:
    events = [START, Reasoning('think "'), Chunk("a\n"), TextBatch.of(Chunk, ["b", "c"]), COMPLETE]
    assert deltas_of(events) == [{"reasoning_content": 'think "'}, {"content": "a\n"}, {"content": "bc"}]


def test_a_signature_has_all_reasoning_before_it() -> None:
    events = [
        START,
        Reasoning('à "'),
        Reasoning("b"),
        SignedReasoning("c", "s1", "anthropic"),
        Chunk("x"),
        Reasoning("d"),
        SignedReasoning("", "s2", "anthropic"),
        COMPLETE,
    ]
    details = [delta["reasoning_details"] for delta in deltas_of(events) if "reasoning_details" in delta]
    assert details == [
        [{"type": "reasoning.text", "text": 'à "bc', "signature": "s1", "format": "anthropic", "index": 0}],
        [{"type": "reasoning.text", "text": "d", "signature": "s2", "format": "anthropic", "index": 1}],
    ]


def test_log_probabilities_stand_beside_the_text_that_follows() -> None:
    chunks = chunks_of([START, Chunk("a"), LOGPROBS, Chunk("no"), Chunk("b"), LOGPROBS, COMPLETE])
    choices = [chunk["choices"] for chunk in chunks]
    logprobs = {"content": [TOKEN], "refusal": None}
    assert choices[2] == [{"index": 0, "delta": {"content": "no"}, "logprobs": logprobs, "finish_reason": None}]
    assert choices[3] == [{"index": 0, "delta": {"content": "b"}, "logprobs": None, "finish_reason": None}]
    assert choices[4] == [{"index": 0, "delta": {}, "logprobs": logprobs, "finish_reason": "stop"}]


def test_a_refusal_is_a_text_of_its_own() -> None:
    chunks = chunks_of([START, Chunk("a"), REFUSAL, LOGPROBS, Chunk("no"), Chunk("!"), COMPLETE])
    choices = [chunk["choices"] for chunk in chunks]
    logprobs = {"content": None, "refusal": [TOKEN]}
    assert choices[2] == [{"index": 0, "delta": {"refusal": "no"}, "logprobs": logprobs, "finish_reason": None}]
    assert choices[3] == [{"index": 0, "delta": {"refusal": "!"}, "logprobs": None, "finish_reason": None}]


def test_calls_of_custom_tools_have_a_text_as_input() -> None:
    events = [
        START,
        ToolCall(0, "c", "sql", ""),
        ToolCall(0, None, None, "select"),
        ToolCall(1, "d", "f", "{}"),
        COMPLETE,
    ]
    tools = [{"type": "custom", "custom": {"name": "sql"}}, {"type": "function", "function": {"name": "f"}}]
    assert [delta["tool_calls"] for delta in deltas_of(events, tools=tools)] == [
        [{"index": 0, "id": "c", "type": "custom", "custom": {"name": "sql", "input": ""}}],
        [{"index": 0, "custom": {"input": "select"}}],
        [{"index": 1, "id": "d", "type": "function", "function": {"name": "f", "arguments": ""}}],
        [{"index": 1, "function": {"arguments": "{}"}}],
    ]


def test_parts_are_numbered_by_field() -> None:
    image = Part("image", {"media_type": None, "url": "https://a"})
    events = [START, image, Part("server_tool", {"name": "x", "block": {}}), image, Chunk("a"), COMPLETE]
    images, more, _ = deltas_of(events)
    one = {"type": "image_url", "image_url": {"url": "https://a"}}
    assert (images, more) == ({"images": [{**one, "index": 0}]}, {"images": [{**one, "index": 1}]})
