"""Anthropic's Messages (platform.claude.com/docs, "Streaming messages" and "Errors")."""

from collections.abc import Iterator, Mapping
from typing import Final, Literal

import orjson

from gateway.simulator.errors import RequestError
from gateway.simulator.formats.base import OVERSIZED_TEXT, ScriptedResponse, named_event, retry_after
from gateway.simulator.formats.messages_request import parse_messages
from gateway.simulator.request import Request
from gateway.simulator.script import Delta, Script, Usage
from gateway.simulator.tools import ToolCall

_STOP_REASONS: Final = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}
_ERROR_TYPES: Final[Mapping[int, str]] = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
}

_Object = dict[str, object]


class MessagesFormat:
    """`POST /v1/messages`; see `ProviderFormat`."""

    prefix = "msg_"

    def parse_request(self, body: bytes, headers: Mapping[str, str], _parameters: Mapping[str, str]) -> Request:
        """See `ProviderFormat.parse_request`."""
        return parse_messages(body, headers)

    def stream_encoder(self, response: ScriptedResponse) -> "MessagesEncoder":
        """Return an encoder to the events of a message."""
        return MessagesEncoder(response)

    def encode_response(self, response: ScriptedResponse) -> bytes:
        """Encode a response as a message."""
        script = response.script
        content: list[_Object] = []
        if script.reasoning:
            content.append({"type": "thinking", "thinking": script.reasoning, "signature": response.signature})
        if script.text:
            content.append({"type": "text", "text": script.text})
        content += [_tool_use(call, orjson.loads(call.arguments)) for call in script.tool_calls]
        usage = {"usage": _prompt_usage(script.usage) | _completion_usage(script.usage)} if response.with_usage else {}
        return orjson.dumps(_message(response, content) | _stop_fields(script) | usage)

    def encode_error(self, error: RequestError) -> tuple[bytes, dict[str, str]]:
        """Encode an error as Anthropic's error object."""
        return orjson.dumps(_error(error)), retry_after(error)


class MessagesEncoder:
    """Encoder to the events of one message; see `StreamEncoder`. One content block is open at a time."""

    def __init__(self, response: ScriptedResponse) -> None:
        self._response: Final = response
        self._index = -1
        self._open_key: tuple[Literal["reasoning", "content", "tool"], int] | None = None

    def start(self) -> bytes:
        """Return the message without content."""
        response = self._response
        usage = {"usage": _prompt_usage(response.script.usage) | {"output_tokens": 1}} if response.with_usage else {}
        message = _message(response, []) | {"stop_reason": None, "stop_sequence": None} | usage
        return named_event("message_start", {"type": "message_start", "message": message})

    def delta(self, delta: Delta) -> bytes:
        """Return a delta of a content block; the first one after the event that opens the block."""
        match delta.kind:
            case "reasoning":
                return self._open_block(delta) + self._delta("thinking_delta", "thinking", delta.text)
            case "content":
                return self._open_block(delta) + self._delta("text_delta", "text", delta.text)
            case "tool":
                return self._open_block(delta) + self._delta("input_json_delta", "partial_json", delta.text)

    def finish(self) -> Iterator[bytes]:
        """Yield the stop reason with the usage, and the end of the message."""
        script, with_usage = self._response.script, self._response.with_usage
        usage = {"usage": _prompt_usage(script.usage) | _completion_usage(script.usage)} if with_usage else {}
        ending = {"type": "message_delta", "delta": _stop_fields(script)} | usage
        yield self._close_block() + named_event("message_delta", ending)
        yield named_event("message_stop", {"type": "message_stop"})

    def done(self) -> bytes:
        """Return nothing: `message_stop` is the end marker."""
        return b""

    def error(self, error: RequestError) -> bytes:
        """Return an error event."""
        return named_event("error", _error(error))

    def keepalive(self) -> bytes:
        """Return a ping."""
        return named_event("ping", {"type": "ping"})

    def malformed(self) -> bytes:
        """Return a data line that ends inside of its JSON."""
        return b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"ty\n\n'

    def oversized(self) -> bytes:
        """Return a text delta of several MiB; in the open block if there is no text, or a tool call is open."""
        has_text_block = bool(self._response.script.text) and not self._in_tool_call()
        opening = self._open_block(Delta("content", "")) if has_text_block else b""
        return opening + self._delta("text_delta", "text", OVERSIZED_TEXT)

    def _in_tool_call(self) -> bool:
        return self._open_key is not None and self._open_key[0] == "tool"

    def _open_block(self, delta: Delta) -> bytes:
        """Return the events that close the open block and open that of `delta`; none if it is open."""
        key = (delta.kind, delta.call_index)
        if key == self._open_key:
            return b""
        closing = self._close_block()
        self._open_key = key
        self._index += 1
        start = {"type": "content_block_start", "index": self._index, "content_block": self._block(delta)}
        # Anthropic sends a ping after the start of the first block.
        return closing + named_event("content_block_start", start) + (b"" if self._index else self.keepalive())

    def _block(self, delta: Delta) -> _Object:
        """Return the empty content block that a delta opens."""
        match delta.kind:
            case "reasoning":
                return {"type": "thinking", "thinking": "", "signature": ""}
            case "content":
                return {"type": "text", "text": ""}
            case "tool":
                return _tool_use(self._response.script.tool_calls[delta.call_index], {})

    def _close_block(self) -> bytes:
        if self._open_key is None:
            return b""
        is_reasoning = self._open_key[0] == "reasoning"
        signature = self._delta("signature_delta", "signature", self._response.signature) if is_reasoning else b""
        self._open_key = None
        return signature + named_event("content_block_stop", {"type": "content_block_stop", "index": self._index})

    def _delta(self, kind: str, name: str, text: str) -> bytes:
        delta = {"type": kind, name: text}
        return named_event("content_block_delta", {"type": "content_block_delta", "index": self._index, "delta": delta})


def _tool_use(call: ToolCall, arguments: object) -> _Object:
    return {"type": "tool_use", "id": call.id.replace("call_", "toolu_"), "name": call.name, "input": arguments}


def _message(response: ScriptedResponse, content: list[_Object]) -> _Object:
    return {"id": response.id, "type": "message", "role": "assistant", "model": response.model, "content": content}


def _stop_fields(script: Script) -> _Object:
    if script.finish_reason == "stop" and script.stop is not None:
        return {"stop_reason": "stop_sequence", "stop_sequence": script.stop}
    return {"stop_reason": _STOP_REASONS[script.finish_reason], "stop_sequence": None}


def _prompt_usage(usage: Usage) -> _Object:
    """Return the usage of the prompt. Here the input tokens do not include those from the cache."""
    return {
        "input_tokens": usage.prompt - usage.cached,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": usage.cached,
    }


def _completion_usage(usage: Usage) -> _Object:
    fields: _Object = {"output_tokens": usage.completion}
    return fields | ({"output_tokens_details": {"thinking_tokens": usage.reasoning}} if usage.reasoning else {})


def _error(error: RequestError) -> _Object:
    kind = _ERROR_TYPES.get(error.status, "invalid_request_error" if error.status < 500 else "api_error")
    return {"type": "error", "error": {"type": kind, "message": error.message}}
