"""OpenAI chat completions: what servers send, as documented and in their variants."""

import orjson
import pytest

from gateway.protocol.events import Chunk, Reasoning, ToolCall, Usage
from gateway.upstreams.base import Finished
from tests.gateway.upstreams.raw_server import (
    COMPLETE,
    DONE,
    delta,
    event,
    raw_upstream,
    read_events,
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
            ToolCall(1, "call_1", "weather", ""),
            ToolCall(1, None, None, '{"city":'),
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
    assert events == [ToolCall(0, "\ufffd", "\ufffd", "{}"), Finished("other"), Usage(None, None, "exact")]
    assert orjson.dumps(events)


async def test_content_in_the_variants_of_servers() -> None:
    stream = (
        delta(content=[{"type": "text", "text": "in "}, {"type": "text", "text": "parts "}])
        + event(
            {"choices": [{"index": 1, "delta": {"content": "other"}}, {"index": 0, "delta": {"content": "second "}}]}
        )
        + event({"choices": [{"index": 0, "message": {"content": "message"}}]})
        + delta(tool_calls=[{"id": "a", "function": {"name": "f", "arguments": {"x": 1}}}])
        + delta(tool_calls=[{"function": {"arguments": "!"}}])
        + delta(tool_calls=[{"id": "b", "function": {"name": "g", "arguments": ""}}])
        + delta(finish_reason="stop")
        + DONE
    )
    async with raw_upstream(respond_stream(stream)) as (upstream, _):
        assert await read_events(upstream) == [
            Chunk("in parts "),
            Chunk("second "),
            Chunk("message"),
            ToolCall(0, "a", "f", '{"x":1}'),
            ToolCall(0, None, None, "!"),
            ToolCall(1, "b", "g", ""),
            Finished("stop"),
        ]


async def test_empty_deltas_are_no_content() -> None:
    stream = delta(tool_calls=[{"index": 0}, {"index": 0, "function": {"arguments": ""}}]) + COMPLETE
    async with raw_upstream(respond_stream(stream + delta(content="late") + DONE)) as (upstream, _):
        assert await read_events(upstream) == [Chunk("Xin chào"), Finished("stop")]
