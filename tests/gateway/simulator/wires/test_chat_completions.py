import orjson

from gateway.simulator.errors import RequestError
from gateway.simulator.script import Delta, Script, Usage
from gateway.simulator.tools import ToolCall
from gateway.simulator.wires.base import Answer
from gateway.simulator.wires.chat_completions import ChatCompletions, ChunkFrames, error_body, models_body

CALL = ToolCall(id="call_1", name="look", arguments='{"at": "ễ"}')
HEAD = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 5, "model": 'sim?x="'}


def frames(usage: Usage | None = None) -> ChunkFrames:
    script = Script(
        reasoning="", text="", calls=(), finish_reason="stop", usage=usage or Usage(prompt=1, completion=1), seed=0
    )
    return ChunkFrames(Answer(script=script, id="chatcmpl-1", created=5, model='sim?x="', with_usage=usage is not None))


def read(frame: bytes) -> object:
    assert frame.startswith(b"data: ")
    assert frame.endswith(b"\n\n")
    assert frame.count(b"\n") == 2
    return orjson.loads(frame[6:])


def chunk(delta: object, finish: str | None = None) -> object:
    return HEAD | {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def test_every_frame_is_a_chunk_on_one_line() -> None:
    made = frames()
    assert read(made.start()) == chunk({"role": "assistant", "content": ""})
    assert read(made.delta(Delta("content", 'a"\n🏳️‍🌈'))) == chunk({"content": 'a"\n🏳️‍🌈'})
    assert read(made.delta(Delta("reasoning", "hm"))) == chunk({"reasoning_content": "hm"})
    assert read(made.nothing()) == chunk({})
    assert [read(frame) for frame in made.finish()] == [chunk({}, "stop")]
    assert made.done() == b"data: [DONE]\n\n"


def test_tool_call_opens_with_name_and_goes_on_with_arguments() -> None:
    opening = {"index": 2, "id": "call_1", "type": "function", "function": {"name": "look", "arguments": ""}}
    assert read(frames().delta(Delta("tool", "", 2, CALL))) == chunk({"tool_calls": [opening]})
    more = {"index": 2, "function": {"arguments": '{"at'}}
    assert read(frames().delta(Delta("tool", '{"at', 2))) == chunk({"tool_calls": [more]})


def test_usage_is_null_until_it_comes() -> None:
    made = frames(Usage(prompt=2, completion=3))
    assert read(made.nothing()) == HEAD | {
        "choices": [{"index": 0, "delta": {}, "finish_reason": None}],
        "usage": None,
    }
    *_, last = made.finish()
    assert read(last) == HEAD | {
        "choices": [],
        "usage": {"prompt_tokens": 2, "completion_tokens": 3, "total_tokens": 5},
    }


def test_usage_has_details_where_there_are_any() -> None:
    *_, last = frames(Usage(prompt=9, completion=5, cached=4, reasoning=2)).finish()
    assert read(last) == HEAD | {
        "choices": [],
        "usage": {
            "prompt_tokens": 9,
            "completion_tokens": 5,
            "total_tokens": 14,
            "prompt_tokens_details": {"cached_tokens": 4},
            "completion_tokens_details": {"reasoning_tokens": 2},
        },
    }


def test_huge_line_is_one_valid_chunk() -> None:
    frame = frames().huge()
    assert len(frame) > 4 * 1024 * 1024
    assert isinstance(read(frame), dict)


def test_completion_has_the_whole_message() -> None:
    usage = Usage(prompt=1, completion=1)
    script = Script(reasoning="hm", text="", calls=(CALL,), finish_reason="tool_calls", usage=usage, seed=0)
    answer = Answer(script=script, id="chatcmpl-1", created=5, model="sim", with_usage=False)
    function = {"name": "look", "arguments": '{"at": "ễ"}'}
    message = {
        "role": "assistant",
        "content": None,
        "reasoning_content": "hm",
        "tool_calls": [{"id": "call_1", "type": "function", "function": function}],
    }
    assert orjson.loads(ChatCompletions().whole(answer)) == {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 5,
        "model": "sim",
        "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}],
    }


def test_error_has_all_four_fields() -> None:
    assert orjson.loads(error_body(RequestError("Do that.", param="n"))) == {
        "error": {"message": "Do that.", "type": "invalid_request_error", "code": None, "param": "n"}
    }


def test_models_are_listed() -> None:
    assert b'"id":"sim-gpt-4o"' in models_body()
