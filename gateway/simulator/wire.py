"""OpenAI's wire format as bytes: frames of a stream, one whole completion, the error object."""

from typing import Final

import orjson

from gateway.simulator.errors import RequestError
from gateway.simulator.script import Delta, Script, Usage
from gateway.simulator.settings import PROFILES
from gateway.simulator.tools import ToolCall

DONE: Final = b"data: [DONE]\n\n"
COMMENT: Final = b": ping\n\n"

_HUGE: Final = 4 * 1024 * 1024
"""Bytes of text in the huge line."""


class Frames:
    """The frames of one stream; what all of them share is encoded once."""

    __slots__ = ("_empty", "_garbage", "_prefix", "_suffix", "_unfinished")

    def __init__(self, completion: str, created: int, model: str, *, with_usage: bool) -> None:
        """Take the completion's id, when it was created (seconds since 1970), and whether usage comes in the end."""
        head = _head(completion, "chat.completion.chunk", created, model)
        start = b"data: " + orjson.dumps(head)[:-1]
        usage = b',"usage":null' if with_usage else b""
        self._prefix: Final = start + b',"choices":[{"index":0,"delta":{'
        self._unfinished: Final = b'},"finish_reason":null}]' + usage + b"}\n\n"
        self._suffix: Final = usage + b"}\n\n"
        self._empty: Final = start + b',"choices":[],"usage":'
        self._garbage: Final = start + b',"choices":[{"ind\n\n'

    def role(self) -> bytes:
        """Give the first frame, which has no text yet."""
        return self._frame(b'"role":"assistant","content":""')

    def delta(self, delta: Delta) -> bytes:
        """Give the frame of one chunk."""
        text = orjson.dumps(delta.text)
        match delta.kind:
            case "content":
                return self._frame(b'"content":' + text)
            case "reasoning":
                return self._frame(b'"reasoning_content":' + text)
            case "tool":
                call = {"index": delta.call, **_call(delta.opens, "")} if delta.opens else _arguments(delta)
                return self._frame(b'"tool_calls":[' + orjson.dumps(call) + b"]")

    def finish(self, reason: str) -> bytes:
        """Give the frame that says why the answer ends."""
        return self._prefix + b'},"finish_reason":' + orjson.dumps(reason) + b"}]" + self._suffix

    def usage(self, usage: Usage) -> bytes:
        """Give the frame without choices that carries the usage."""
        return self._empty + orjson.dumps(_usage(usage)) + b"}\n\n"

    def nothing(self) -> bytes:
        """Give a frame whose delta is empty."""
        return self._frame(b"")

    def garbage(self) -> bytes:
        """Give a data line that is cut off inside its JSON."""
        return self._garbage

    def huge(self) -> bytes:
        """Give one line of several MiB, in itself a valid chunk."""
        return self._frame(b'"content":"' + b"x" * _HUGE + b'"')

    def _frame(self, delta: bytes) -> bytes:
        return self._prefix + delta + self._unfinished


def completion_body(script: Script, completion: str, created: int, model: str, *, with_usage: bool) -> bytes:
    """Give the whole answer as one JSON object."""
    message: dict[str, object] = {"role": "assistant", "content": script.text or (None if script.calls else "")}
    if script.reasoning:
        message["reasoning_content"] = script.reasoning
    if script.calls:
        message["tool_calls"] = [_call(call, call.arguments) for call in script.calls]
    choice = {"index": 0, "message": message, "finish_reason": script.finish_reason}
    body = {**_head(completion, "chat.completion", created, model), "choices": [choice]}
    return orjson.dumps(body | {"usage": _usage(script.usage)} if with_usage else body)


def error_body(error: RequestError) -> bytes:
    """Give OpenAI's error object."""
    detail = {"message": error.message, "type": error.kind, "param": error.param, "code": error.code}
    return orjson.dumps({"error": detail})


def error_frame(error: RequestError) -> bytes:
    """Give the error object as a frame of a stream."""
    return b"data: " + error_body(error) + b"\n\n"


def models_body() -> bytes:
    """Give the list of models."""
    models = [{"id": name, "object": "model", "created": 0, "owned_by": "simulator"} for name in PROFILES]
    return orjson.dumps({"object": "list", "data": models})


def _head(completion: str, kind: str, created: int, model: str) -> dict[str, object]:
    return {"id": completion, "object": kind, "created": created, "model": model}


def _usage(usage: Usage) -> dict[str, int]:
    return {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.completion,
        "total_tokens": usage.prompt + usage.completion,
    }


def _call(call: ToolCall, arguments: str) -> dict[str, object]:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}}


def _arguments(delta: Delta) -> dict[str, object]:
    return {"index": delta.call, "function": {"arguments": delta.text}}
