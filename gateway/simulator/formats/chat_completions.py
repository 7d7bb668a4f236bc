"""OpenAI's chat completions (platform.openai.com/docs, API reference, "Chat completions" and its "Streaming")."""

from collections.abc import Iterator, Mapping
from typing import Final

import orjson

from gateway.simulator.errors import RequestError
from gateway.simulator.formats.base import OVERSIZED_TEXT, ScriptedResponse, retry_after
from gateway.simulator.formats.chat_completions_request import parse_chat_completion
from gateway.simulator.request import Request
from gateway.simulator.script import Delta, Usage
from gateway.simulator.settings import PROFILES
from gateway.simulator.tools import ToolCall


class ChatCompletionsFormat:
    """`POST /v1/chat/completions`; see `ProviderFormat`."""

    prefix = "chatcmpl-"

    def parse_request(self, body: bytes, _headers: Mapping[str, str], _parameters: Mapping[str, str]) -> Request:
        """See `ProviderFormat.parse_request`."""
        return parse_chat_completion(body)

    def stream_encoder(self, response: ScriptedResponse) -> "ChatCompletionsEncoder":
        """Return an encoder to `chat.completion.chunk` objects."""
        return ChatCompletionsEncoder(response)

    def encode_response(self, response: ScriptedResponse) -> bytes:
        """Encode a response as a `chat.completion` object."""
        script = response.script
        message: dict[str, object] = {
            "role": "assistant",
            "content": script.text or (None if script.tool_calls else ""),
        }
        if script.reasoning:
            message["reasoning_content"] = script.reasoning
        if script.tool_calls:
            message["tool_calls"] = [_tool_call(call, call.arguments) for call in script.tool_calls]
        choice = {"index": 0, "message": message, "finish_reason": script.finish_reason}
        body = {**_identity(response, "chat.completion"), "choices": [choice]}
        return orjson.dumps(body | {"usage": _usage(script.usage)} if response.with_usage else body)

    def encode_error(self, error: RequestError) -> tuple[bytes, dict[str, str]]:
        """Encode an error as OpenAI's error object."""
        return encode_openai_error(error), retry_after(error)


class ChatCompletionsEncoder:
    """Encoder to the chunks of one stream, whose common parts are encoded once; see `StreamEncoder`."""

    __slots__ = ("_delta_suffix", "_finish_suffix", "_malformed", "_prefix", "_response", "_usage_prefix")

    def __init__(self, response: ScriptedResponse) -> None:
        self._response: Final = response
        start = b"data: " + orjson.dumps(_identity(response, "chat.completion.chunk"))[:-1]
        usage = b',"usage":null' if response.with_usage else b""
        self._prefix: Final = start + b',"choices":[{"index":0,"delta":{'
        self._delta_suffix: Final = b'},"finish_reason":null}]' + usage + b"}\n\n"
        self._finish_suffix: Final = usage + b"}\n\n"
        self._usage_prefix: Final = start + b',"choices":[],"usage":'
        self._malformed: Final = start + b',"choices":[{"ind\n\n'

    def start(self) -> bytes:
        """Return the first chunk, which has the role and no text."""
        return self._chunk(b'"role":"assistant","content":""')

    def delta(self, delta: Delta) -> bytes:
        """Return the chunk of one delta."""
        text = orjson.dumps(delta.text)
        match delta.kind:
            case "content":
                return self._chunk(b'"content":' + text)
            case "reasoning":
                return self._chunk(b'"reasoning_content":' + text)
            case "tool":
                call = (
                    {"index": delta.call_index, **_tool_call(delta.started_call, "")}
                    if delta.started_call
                    else _argument_delta(delta)
                )
                return self._chunk(b'"tool_calls":[' + orjson.dumps(call) + b"]")

    def finish(self) -> Iterator[bytes]:
        """Yield the chunk with the finish reason, and the one without choices that has the usage."""
        script = self._response.script
        yield self._prefix + b'},"finish_reason":' + orjson.dumps(script.finish_reason) + b"}]" + self._finish_suffix
        if self._response.with_usage:
            yield self._usage_prefix + orjson.dumps(_usage(script.usage)) + b"}\n\n"

    def done(self) -> bytes:
        """Return the end marker."""
        return b"data: [DONE]\n\n"

    def error(self, error: RequestError) -> bytes:
        """Return the error object in place of a chunk."""
        return b"data: " + encode_openai_error(error) + b"\n\n"

    def keepalive(self) -> bytes:
        """Return a chunk whose delta is empty."""
        return self._chunk(b"")

    def malformed(self) -> bytes:
        """Return a data line that ends inside of its JSON."""
        return self._malformed

    def oversized(self) -> bytes:
        """Return one valid chunk of several MiB."""
        return self.delta(Delta("content", OVERSIZED_TEXT))

    def _chunk(self, delta: bytes) -> bytes:
        return self._prefix + delta + self._delta_suffix


def encode_openai_error(error: RequestError) -> bytes:
    """Encode OpenAI's error object (platform.openai.com/docs, "Error codes")."""
    detail = {"message": error.message, "type": error.kind, "param": error.param, "code": error.code}
    return orjson.dumps({"error": detail})


def encode_models() -> bytes:
    """Encode the list of models."""
    models = [{"id": name, "object": "model", "created": 0, "owned_by": "simulator"} for name in PROFILES]
    return orjson.dumps({"object": "list", "data": models})


def _identity(response: ScriptedResponse, kind: str) -> dict[str, object]:
    return {"id": response.id, "object": kind, "created": response.created, "model": response.model}


def _usage(usage: Usage) -> dict[str, object]:
    """Return the usage, with details only where they are not 0, as many servers of this format send it."""
    fields: dict[str, object] = {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.completion,
        "total_tokens": usage.prompt + usage.completion,
    }
    if usage.cached:
        fields["prompt_tokens_details"] = {"cached_tokens": usage.cached}
    if usage.reasoning:
        fields["completion_tokens_details"] = {"reasoning_tokens": usage.reasoning}
    return fields


def _tool_call(call: ToolCall, arguments: str) -> dict[str, object]:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}}


def _argument_delta(delta: Delta) -> dict[str, object]:
    return {"index": delta.call_index, "function": {"arguments": delta.text}}
