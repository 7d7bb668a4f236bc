"""OpenAI chat completions: what servers send, as documented and in their variants."""

import orjson
import pytest

from gateway.protocol.errors import Code, Failed
from gateway.protocol.events import Chunk, Reasoning, ToolCall, Usage
from gateway.upstreams.base import Finished, UpstreamEvent
from gateway.upstreams.formats.openai_chat import ChunkReader
from tests.gateway.upstreams.raw_server import (
    COMPLETE,
    DONE,
    delta,
    event,
    raw_upstream,
    read_events,
    read_failure,
    respond_stream,
)


async def test_every_field_becomes_an_event() -> None:
    tool = {"index": 1, "id": "call_1", "type": "function", "function": {"name": "weather", "arguments": ""}}
    more = {"index": 1, "function": {"arguments": '{"city":'}}
    usage = {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 0, "total_tokens": 3}}
    stream = (
        b": a comment\n\n"
        + delta(role="assistant", content=None)
        + delta(reasoning_content="Hm. ")
        + delta(reasoning="Well. ")
        + delta(content="Xin ")
        + delta(content="")
        + delta(tool_calls=[tool])
        + delta(tool_calls=[more])
        + event({"choices": [{"index": 1, "delta": {"content": "another choice"}}]})
        + delta(finish_reason="tool_calls")
        + event(usage)
        + DONE
    )
    async with raw_upstream(respond_stream(stream)) as (upstream, _):
        assert await read_events(upstream) == [
            Reasoning("Hm. "),
            Reasoning("Well. "),
            Chunk("Xin "),
            ToolCall(0, "call_1", "weather", ""),
            ToolCall(0, None, None, '{"city":'),
            Finished("tool_calls"),
            Usage(3, 0, "exact"),
        ]


async def test_a_character_split_between_surrogates_is_joined() -> None:
    halves = b'{"choices":[{"delta":{"content":"a\\ud83d"}}]}', b'{"choices":[{"delta":{"content":"\\ude42b"}}]}'
    lone = b'{"choices":[{"delta":{"content":"\\udc00!"}}]}'
    stream = b"".join(map(event, (*halves, lone))) + delta(finish_reason="stop") + DONE
    async with raw_upstream(respond_stream(stream)) as (upstream, _):
        assert await read_events(upstream) == [Chunk("a"), Chunk("🙂b"), Chunk("\ufffd!"), Finished("stop")]


@pytest.mark.parametrize("tail", [DONE, b""], ids=["done", "finish reason alone"])
async def test_either_end_mark_is_enough(tail: bytes) -> None:
    async with raw_upstream(respond_stream(COMPLETE + tail)) as (upstream, _):
        assert await read_events(upstream) == [Chunk("Xin chào"), Finished("stop")]
    async with raw_upstream(respond_stream(delta(content="x") + DONE)) as (upstream, _):
        assert await read_events(upstream) == [Chunk("x"), Finished(None)]


async def test_values_that_can_not_be_encoded_again_are_replaced() -> None:
    lone = b'{"choices":[{"index":0,"delta":{"tool_calls":[{"index":99999999999999999999,"id":"\\ud800","function":'
    lone += b'{"name":"\\udfff","arguments":"{}"}}]},"finish_reason":"\\ud800"}]}'
    usage = b'{"choices":[],"usage":{"prompt_tokens":1180591620717411303424,"completion_tokens":-1},"x":"\\ud800"}'
    async with raw_upstream(respond_stream(event(lone) + event(usage) + DONE)) as (upstream, _):
        events = await read_events(upstream)
    assert events == [
        ToolCall(0, "\ufffd", "\ufffd", ""),
        Finished("other"),
        ToolCall(0, None, None, "{}"),
        Finished("other"),
    ]
    assert orjson.dumps(events)


async def test_content_in_the_variants_of_servers() -> None:
    stream = (
        delta(content=[{"type": "text", "text": "in "}, {"type": "text", "text": "parts "}])
        + event(
            {"choices": [{"index": 1, "delta": {"content": "other"}}, {"index": 0, "delta": {"content": "second "}}]}
        )
        + delta(tool_calls=[{"id": "a", "function": {"name": "f", "arguments": {"x": 1}}}])
        + delta(tool_calls=[{"function": {"arguments": "!"}}])
        + delta(tool_calls=[{"id": "b", "function": {"name": "g", "arguments": ""}}])
        + delta(finish_reason="stop")
        + DONE
    )
    async with raw_upstream(respond_stream(stream)) as (upstream, _):
        assert await read_events(upstream) == [
            Chunk("in "),
            Chunk("parts "),
            Chunk("second "),
            ToolCall(0, "a", "f", '{"x":1}'),
            ToolCall(0, None, None, "!"),
            ToolCall(1, "b", "g", ""),
            Finished("tool_calls"),
            ToolCall(1, None, None, "{}"),
            Finished("tool_calls"),
        ]


async def test_empty_deltas_are_no_content() -> None:
    stream = delta(tool_calls=[{"index": 0}, {"index": 0, "function": {"arguments": ""}}]) + COMPLETE
    async with raw_upstream(respond_stream(stream + DONE)) as (upstream, _):
        assert await read_events(upstream) == [Chunk("Xin chào"), Finished("stop")]


async def test_content_takes_a_finish_reason_back() -> None:
    async with raw_upstream(respond_stream(COMPLETE + delta(content=" late") + DONE)) as (upstream, _):
        assert await read_events(upstream) == [Chunk("Xin chào"), Finished("stop"), Chunk(" late"), Finished("stop")]


async def test_a_connection_lost_after_a_reason_that_came_early_is_a_truncated_answer() -> None:
    early = COMPLETE + delta(content=" late") + delta(finish_reason="stop")
    failed, _ = await read_failure(respond_stream(early, end=False))
    assert failed.code is Code.TRUNCATED


def test_figures_before_the_end_are_repeated_after_it() -> None:
    reader, events = ChunkReader(), list[UpstreamEvent]()
    for data in (
        b'{"choices":[{"delta":{"content":"x"}}]}',
        b'{"choices":[],"usage":{"completion_tokens":1}}',
        b"[DONE]",
    ):
        reader.read(data, events)
    figures = Usage(None, 1, "exact")
    assert events == [Chunk("x"), figures, Finished(None), figures]


def test_the_id_of_a_call_is_made_of_the_response() -> None:
    reader, events = ChunkReader(), list[UpstreamEvent]()
    call = {"function": {"name": "f", "arguments": "{}"}}
    reader.read(orjson.dumps({"id": "chat:1/ü", "choices": [{"delta": {"tool_calls": [call]}}]}), events)
    assert events == [ToolCall(0, "call_chat1_0", "f", "")]


@pytest.mark.parametrize("text", ["plain", "half \ud83d"])
def test_a_plain_delta_is_one_event(text: str) -> None:
    reader, events = ChunkReader(), list[UpstreamEvent]()
    reader.read(
        b'{"choices":[{"index":0,"delta":{"content":"%b"},"finish_reason":null}]}'
        % text.encode("ascii", "backslashreplace"),
        events,
    )
    assert events == [Chunk(text.rstrip("\ud83d"))]
    assert reader.is_stateless == (text == "plain")


@pytest.mark.parametrize(
    ("reason", "native", "named"),
    [
        ("abort", None, "abort"),
        ("abort", "stop", "abort"),
        ("error", "MALFORMED_FUNCTION_CALL", "MALFORMED_FUNCTION_CALL"),
        ("stop", "network_error", "network_error"),
    ],
)
def test_a_failure_names_the_reason_that_means_it(reason: str, native: str | None, named: str) -> None:
    choice = {"index": 0, "delta": {}, "finish_reason": reason, "native_finish_reason": native}
    with pytest.raises(Failed, match=rf"^The model's answer failed: {named}\.$"):
        ChunkReader().read(orjson.dumps({"choices": [choice]}), [])
