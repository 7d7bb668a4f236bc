"""OpenAI's chat completions (platform.openai.com/docs, API reference, "Chat completions" and its "Streaming")."""

from collections.abc import Iterator, Mapping
from typing import Final

import orjson

from gateway.simulator.bodies.chat_completions import read_chat_completion
from gateway.simulator.errors import RequestError
from gateway.simulator.request import Request
from gateway.simulator.script import Delta, Usage
from gateway.simulator.settings import PROFILES
from gateway.simulator.tools import ToolCall
from gateway.simulator.wires.base import HUGE, Answer, retry_after


class ChatCompletions:
    """`POST /v1/chat/completions`; see `Wire`."""

    prefix = "chatcmpl-"

    def read(self, body: bytes, _headers: Mapping[str, str], _place: Mapping[str, str]) -> Request:
        """Read a request."""
        return read_chat_completion(body)

    def frames(self, answer: Answer) -> "ChunkFrames":
        """Spell an answer as `chat.completion.chunk` objects."""
        return ChunkFrames(answer)

    def whole(self, answer: Answer) -> bytes:
        """Spell an answer as a `chat.completion` object."""
        script = answer.script
        message: dict[str, object] = {"role": "assistant", "content": script.text or (None if script.calls else "")}
        if script.reasoning:
            message["reasoning_content"] = script.reasoning
        if script.calls:
            message["tool_calls"] = [_call(call, call.arguments) for call in script.calls]
        choice = {"index": 0, "message": message, "finish_reason": script.finish_reason}
        body = {**_head(answer, "chat.completion"), "choices": [choice]}
        return orjson.dumps(body | {"usage": _usage(script.usage)} if answer.with_usage else body)

    def refusal(self, error: RequestError) -> tuple[bytes, dict[str, str]]:
        """Spell an error as OpenAI's error object."""
        return error_body(error), retry_after(error)


class ChunkFrames:
    """The chunks of one stream, what all of them share encoded once; see `Frames`."""

    __slots__ = ("_answer", "_empty", "_garbage", "_prefix", "_suffix", "_unfinished")

    def __init__(self, answer: Answer) -> None:
        self._answer: Final = answer
        start = b"data: " + orjson.dumps(_head(answer, "chat.completion.chunk"))[:-1]
        usage = b',"usage":null' if answer.with_usage else b""
        self._prefix: Final = start + b',"choices":[{"index":0,"delta":{'
        self._unfinished: Final = b'},"finish_reason":null}]' + usage + b"}\n\n"
        self._suffix: Final = usage + b"}\n\n"
        self._empty: Final = start + b',"choices":[],"usage":'
        self._garbage: Final = start + b',"choices":[{"ind\n\n'

    def start(self) -> bytes:
        """Give the first chunk, which has no text yet."""
        return self._frame(b'"role":"assistant","content":""')

    def delta(self, delta: Delta) -> bytes:
        """Give the chunk of one delta."""
        text = orjson.dumps(delta.text)
        match delta.kind:
            case "content":
                return self._frame(b'"content":' + text)
            case "reasoning":
                return self._frame(b'"reasoning_content":' + text)
            case "tool":
                call = {"index": delta.call, **_call(delta.opens, "")} if delta.opens else _arguments(delta)
                return self._frame(b'"tool_calls":[' + orjson.dumps(call) + b"]")

    def finish(self) -> Iterator[bytes]:
        """Give the chunk that says why the answer ends, and the one without choices that carries the usage."""
        script = self._answer.script
        yield self._prefix + b'},"finish_reason":' + orjson.dumps(script.finish_reason) + b"}]" + self._suffix
        if self._answer.with_usage:
            yield self._empty + orjson.dumps(_usage(script.usage)) + b"}\n\n"

    def done(self) -> bytes:
        """Give the end mark."""
        return b"data: [DONE]\n\n"

    def error(self, error: RequestError) -> bytes:
        """Give the error object in place of a chunk."""
        return b"data: " + error_body(error) + b"\n\n"

    def nothing(self) -> bytes:
        """Give a chunk whose delta is empty."""
        return self._frame(b"")

    def garbage(self) -> bytes:
        """Give a data line that is cut off inside its JSON."""
        return self._garbage

    def huge(self) -> bytes:
        """Give one line of several MiB, in itself a valid chunk."""
        return self.delta(Delta("content", HUGE))

    def _frame(self, delta: bytes) -> bytes:
        return self._prefix + delta + self._unfinished


def error_body(error: RequestError) -> bytes:
    """Give OpenAI's error object (platform.openai.com/docs, "Error codes")."""
    detail = {"message": error.message, "type": error.kind, "param": error.param, "code": error.code}
    return orjson.dumps({"error": detail})


def models_body() -> bytes:
    """Give the list of models."""
    models = [{"id": name, "object": "model", "created": 0, "owned_by": "simulator"} for name in PROFILES]
    return orjson.dumps({"object": "list", "data": models})


def _head(answer: Answer, kind: str) -> dict[str, object]:
    return {"id": answer.id, "object": kind, "created": answer.created, "model": answer.model}


def _usage(usage: Usage) -> dict[str, object]:
    """Give the usage; with details only where there is something to tell, as many servers of this format do."""
    told: dict[str, object] = {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.completion,
        "total_tokens": usage.prompt + usage.completion,
    }
    if usage.cached:
        told["prompt_tokens_details"] = {"cached_tokens": usage.cached}
    if usage.reasoning:
        told["completion_tokens_details"] = {"reasoning_tokens": usage.reasoning}
    return told


def _call(call: ToolCall, arguments: str) -> dict[str, object]:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}}


def _arguments(delta: Delta) -> dict[str, object]:
    return {"index": delta.call, "function": {"arguments": delta.text}}
