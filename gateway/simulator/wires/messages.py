"""Anthropic's Messages (platform.claude.com/docs, "Streaming messages" and "Errors")."""

from collections.abc import Iterator, Mapping
from typing import Final, Literal

import orjson

from gateway.simulator.bodies.messages import read_messages
from gateway.simulator.errors import RequestError
from gateway.simulator.request import Request
from gateway.simulator.script import Delta, Script, Usage
from gateway.simulator.tools import ToolCall
from gateway.simulator.wires.base import HUGE, Answer, event, retry_after

_STOP_REASONS: Final = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}
_ERROR_TYPES: Final[Mapping[int, str]] = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
}

_Object = dict[str, object]


class Messages:
    """`POST /v1/messages`; see `Wire`."""

    prefix = "msg_"

    def read(self, body: bytes, headers: Mapping[str, str], _place: Mapping[str, str]) -> Request:
        """Read a request."""
        return read_messages(body, headers)

    def frames(self, answer: Answer) -> "MessageFrames":
        """Spell an answer as the events of a message."""
        return MessageFrames(answer)

    def whole(self, answer: Answer) -> bytes:
        """Spell an answer as a message."""
        script = answer.script
        content: list[_Object] = []
        if script.reasoning:
            content.append({"type": "thinking", "thinking": script.reasoning, "signature": answer.signature})
        if script.text:
            content.append({"type": "text", "text": script.text})
        content += [_tool_use(call, orjson.loads(call.arguments)) for call in script.calls]
        usage = {"usage": _prompt(script.usage) | _completion(script.usage)} if answer.with_usage else {}
        return orjson.dumps(_message(answer, content) | _ending(script) | usage)

    def refusal(self, error: RequestError) -> tuple[bytes, dict[str, str]]:
        """Spell an error as Anthropic's error object."""
        return orjson.dumps(_error(error)), retry_after(error)


class MessageFrames:
    """The events of one message; see `Frames`. One content block is open at a time."""

    def __init__(self, answer: Answer) -> None:
        self._answer: Final = answer
        self._index = -1
        self._open: tuple[Literal["reasoning", "content", "tool"], int] | None = None

    def start(self) -> bytes:
        """Give the message, still empty."""
        usage = {"usage": _prompt(self._answer.script.usage) | {"output_tokens": 1}} if self._answer.with_usage else {}
        ending = {"stop_reason": None, "stop_sequence": None}
        message = _message(self._answer, []) | ending | usage
        return event("message_start", {"type": "message_start", "message": message})

    def delta(self, delta: Delta) -> bytes:
        """Give a delta of a content block, after the block's start where it is the first."""
        match delta.kind:
            case "reasoning":
                return self._enter(delta) + self._delta("thinking_delta", "thinking", delta.text)
            case "content":
                return self._enter(delta) + self._delta("text_delta", "text", delta.text)
            case "tool":
                return self._enter(delta) + self._delta("input_json_delta", "partial_json", delta.text)

    def finish(self) -> Iterator[bytes]:
        """Give the stop reason with the usage, and the end."""
        script = self._answer.script
        usage = {"usage": _prompt(script.usage) | _completion(script.usage)} if self._answer.with_usage else {}
        ending = {"type": "message_delta", "delta": _ending(script)} | usage
        yield self._close() + event("message_delta", ending)
        yield event("message_stop", {"type": "message_stop"})

    def done(self) -> bytes:
        """Give nothing: `message_stop` is the end."""
        return b""

    def error(self, error: RequestError) -> bytes:
        """Give an error event."""
        return event("error", _error(error))

    def nothing(self) -> bytes:
        """Give a ping."""
        return event("ping", {"type": "ping"})

    def garbage(self) -> bytes:
        """Give a data line that is cut off inside its JSON."""
        return b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"ty\n\n'

    def huge(self) -> bytes:
        """Give one line of several MiB, a delta of text; of whatever block is open where the answer has no text."""
        opening = self._enter(Delta("content", "")) if self._answer.script.text and not self._calls() else b""
        return opening + self._delta("text_delta", "text", HUGE)

    def _calls(self) -> bool:
        return self._open is not None and self._open[0] == "tool"

    def _enter(self, delta: Delta) -> bytes:
        """Open the block that a delta belongs to, closing the one before it."""
        block = (delta.kind, delta.call)
        if block == self._open:
            return b""
        closing = self._close()
        self._open = block
        self._index += 1
        start = {"type": "content_block_start", "index": self._index, "content_block": self._block(delta)}
        # Anthropic sends a ping once the first block has begun.
        return closing + event("content_block_start", start) + (b"" if self._index else self.nothing())

    def _block(self, delta: Delta) -> _Object:
        """Give the content block that a delta opens, still empty."""
        match delta.kind:
            case "reasoning":
                return {"type": "thinking", "thinking": "", "signature": ""}
            case "content":
                return {"type": "text", "text": ""}
            case "tool":
                return _tool_use(self._answer.script.calls[delta.call], {})

    def _close(self) -> bytes:
        if self._open is None:
            return b""
        thought = self._open[0] == "reasoning"
        signature = self._delta("signature_delta", "signature", self._answer.signature) if thought else b""
        self._open = None
        return signature + event("content_block_stop", {"type": "content_block_stop", "index": self._index})

    def _delta(self, kind: str, name: str, text: str) -> bytes:
        delta = {"type": kind, name: text}
        return event("content_block_delta", {"type": "content_block_delta", "index": self._index, "delta": delta})


def _tool_use(call: ToolCall, given: object) -> _Object:
    return {"type": "tool_use", "id": call.id.replace("call_", "toolu_"), "name": call.name, "input": given}


def _message(answer: Answer, content: list[_Object]) -> _Object:
    return {"id": answer.id, "type": "message", "role": "assistant", "model": answer.model, "content": content}


def _ending(script: Script) -> _Object:
    if script.finish_reason == "stop" and script.stop is not None:
        return {"stop_reason": "stop_sequence", "stop_sequence": script.stop}
    return {"stop_reason": _STOP_REASONS[script.finish_reason], "stop_sequence": None}


def _prompt(usage: Usage) -> _Object:
    """Give what the prompt used: here the tokens from the cache are not among the input tokens."""
    return {
        "input_tokens": usage.prompt - usage.cached,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": usage.cached,
    }


def _completion(usage: Usage) -> _Object:
    told: _Object = {"output_tokens": usage.completion}
    return told | ({"output_tokens_details": {"thinking_tokens": usage.reasoning}} if usage.reasoning else {})


def _error(error: RequestError) -> _Object:
    kind = _ERROR_TYPES.get(error.status, "invalid_request_error" if error.status < 500 else "api_error")
    return {"type": "error", "error": {"type": kind, "message": error.message}}
