"""Expected chunks are from platform.openai.com/docs, API reference, "Streaming" of chat completions."""

import orjson

from gateway.simulator.errors import RequestError
from gateway.simulator.formats.base import ScriptedResponse
from gateway.simulator.formats.chat_completions import (
    ChatCompletionsEncoder,
    ChatCompletionsFormat,
    encode_models,
    encode_openai_error,
)
from gateway.simulator.script import Delta, Script, Usage
from gateway.simulator.tools import ToolCall

CALL = ToolCall(id="call_1", name="look", arguments='{"at": "ễ"}')
IDENTITY = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 5, "model": 'sim?x="'}


def make_encoder(usage: Usage | None = None) -> ChatCompletionsEncoder:
    script = Script(
        reasoning="", text="", tool_calls=(), finish_reason="stop", usage=usage or Usage(prompt=1, completion=1), seed=0
    )
    return ChatCompletionsEncoder(
        ScriptedResponse(script=script, id="chatcmpl-1", created=5, model='sim?x="', with_usage=usage is not None)
    )


def parse(line: bytes) -> object:
    assert line.startswith(b"data: ")
    assert line.endswith(b"\n\n")
    assert line.count(b"\n") == 2
    return orjson.loads(line[6:])


def chunk(delta: object, finish: str | None = None) -> object:
    return IDENTITY | {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def test_every_event_is_a_chunk_on_one_line() -> None:
    encoder = make_encoder()
    assert parse(encoder.start()) == chunk({"role": "assistant", "content": ""})
    assert parse(encoder.delta(Delta("content", 'a"\n🏳️‍🌈'))) == chunk({"content": 'a"\n🏳️‍🌈'})
    assert parse(encoder.delta(Delta("reasoning", "hm"))) == chunk({"reasoning_content": "hm"})
    assert parse(encoder.keepalive()) == chunk({})
    assert [parse(line) for line in encoder.finish()] == [chunk({}, "stop")]
    assert encoder.done() == b"data: [DONE]\n\n"


def test_tool_call_starts_with_its_name_and_continues_with_arguments() -> None:
    opening = {"index": 2, "id": "call_1", "type": "function", "function": {"name": "look", "arguments": ""}}
    assert parse(make_encoder().delta(Delta("tool", "", 2, CALL))) == chunk({"tool_calls": [opening]})
    more = {"index": 2, "function": {"arguments": '{"at'}}
    assert parse(make_encoder().delta(Delta("tool", '{"at', 2))) == chunk({"tool_calls": [more]})


def test_usage_is_null_before_the_last_chunk() -> None:
    encoder = make_encoder(Usage(prompt=2, completion=3))
    assert parse(encoder.keepalive()) == IDENTITY | {
        "choices": [{"index": 0, "delta": {}, "finish_reason": None}],
        "usage": None,
    }
    *_, last = encoder.finish()
    assert parse(last) == IDENTITY | {
        "choices": [],
        "usage": {"prompt_tokens": 2, "completion_tokens": 3, "total_tokens": 5},
    }


def test_usage_has_details_that_are_not_zero() -> None:
    *_, last = make_encoder(Usage(prompt=9, completion=5, cached=4, reasoning=2)).finish()
    assert parse(last) == IDENTITY | {
        "choices": [],
        "usage": {
            "prompt_tokens": 9,
            "completion_tokens": 5,
            "total_tokens": 14,
            "prompt_tokens_details": {"cached_tokens": 4},
            "completion_tokens_details": {"reasoning_tokens": 2},
        },
    }


def test_oversized_line_is_one_valid_chunk() -> None:
    line = make_encoder().oversized()
    assert len(line) > 4 * 1024 * 1024
    assert isinstance(parse(line), dict)


def test_completion_has_the_whole_message() -> None:
    usage = Usage(prompt=1, completion=1)
    script = Script(reasoning="hm", text="", tool_calls=(CALL,), finish_reason="tool_calls", usage=usage, seed=0)
    response = ScriptedResponse(script=script, id="chatcmpl-1", created=5, model="sim", with_usage=False)
    function = {"name": "look", "arguments": '{"at": "ễ"}'}
    message = {
        "role": "assistant",
        "content": None,
        "reasoning_content": "hm",
        "tool_calls": [{"id": "call_1", "type": "function", "function": function}],
    }
    assert orjson.loads(ChatCompletionsFormat().encode_response(response)) == {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 5,
        "model": "sim",
        "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}],
    }


def test_error_has_all_four_fields() -> None:
    assert orjson.loads(encode_openai_error(RequestError("Do that.", param="n"))) == {
        "error": {"message": "Do that.", "type": "invalid_request_error", "code": None, "param": "n"}
    }


def test_models_are_listed() -> None:
    assert b'"id":"sim-gpt-4o"' in encode_models()
