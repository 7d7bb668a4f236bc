"""Google's Gemini (ai.google.dev/api/generate-content, "GenerateContentResponse"; google.aip.dev/193 for errors)."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import orjson

from gateway.simulator.errors import RequestError
from gateway.simulator.formats.base import OVERSIZED_TEXT, ScriptedResponse
from gateway.simulator.formats.generate_content_request import parse_generate_content
from gateway.simulator.request import Request
from gateway.simulator.script import Delta, Usage, count_tokens
from gateway.simulator.tools import ToolCall

_FINISH_REASONS: Final = {"stop": "STOP", "length": "MAX_TOKENS", "tool_calls": "STOP"}
_STATUSES: Final[Mapping[int, str]] = {
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    503: "UNAVAILABLE",
}
_Part = dict[str, object]


class GenerateContentFormat:
    """`POST /v1beta/models/{model}:generateContent` and `:streamGenerateContent?alt=sse`; see `ProviderFormat`."""

    prefix = ""

    def parse_request(self, body: bytes, _headers: Mapping[str, str], parameters: Mapping[str, str]) -> Request:
        """See `ProviderFormat.parse_request`."""
        return parse_generate_content(body, parameters)

    def stream_encoder(self, response: ScriptedResponse) -> "GenerateContentEncoder":
        """Return an encoder to chunks, each a `GenerateContentResponse`."""
        return GenerateContentEncoder(response)

    def encode_response(self, response: ScriptedResponse) -> bytes:
        """Encode a response as one `GenerateContentResponse`."""
        script = response.script
        parts: list[_Part] = [_thought(script.reasoning)] if script.reasoning else []
        if script.text or not script.tool_calls:
            parts.append({"text": script.text})
        parts += [_tool_call(response, index, call) for index, call in enumerate(script.tool_calls)]
        return orjson.dumps(_chunk_object(response, parts, script.usage, _FINISH_REASONS[script.finish_reason]))

    def encode_error(self, error: RequestError) -> tuple[bytes, dict[str, str]]:
        """Encode an error as Google's status object. It contains the wait: Google sends no Retry-After."""
        return orjson.dumps(_error(error)), {}


class GenerateContentEncoder:
    """Encoder to the chunks of one stream; see `StreamEncoder`. Lines end in CRLF, and there is no end marker."""

    def __init__(self, response: ScriptedResponse) -> None:
        self._response: Final = response
        self._reasoning_length = 0
        self._output_length = 0
        self._call: ToolCall | None = None
        self._arguments = ""

    def start(self) -> bytes:
        """Return nothing: the first chunk has text."""
        return b""

    def delta(self, delta: Delta) -> bytes:
        """Return the chunk of one delta; a tool call is one chunk, sent with its last argument delta."""
        match delta.kind:
            case "reasoning":
                self._reasoning_length += len(delta.text)
                return self._chunk([_thought(delta.text)])
            case "content":
                self._output_length += len(delta.text)
                return self._chunk([{"text": delta.text}])
            case "tool":
                return self._add_tool_delta(delta)

    def finish(self) -> Iterator[bytes]:
        """Yield the chunk with the finish reason and no text."""
        script = self._response.script
        # With tool calls, the first call has the signature (see `_tool_call`).
        last: _Part = {"text": ""}
        if script.reasoning and not script.tool_calls:
            last["thoughtSignature"] = self._response.signature
        yield _data_line(_chunk_object(self._response, [last], script.usage, _FINISH_REASONS[script.finish_reason]))

    def done(self) -> bytes:
        """Return nothing: the body ends after the last chunk."""
        return b""

    def error(self, error: RequestError) -> bytes:
        """Return the status object in place of a chunk."""
        return _data_line(_error(error))

    def keepalive(self) -> bytes:
        """Return a chunk without text."""
        return self._chunk([{"text": ""}])

    def malformed(self) -> bytes:
        """Return a data line that ends inside of its JSON."""
        return b'data: {"candidates": [{"content": {"parts": [{"te\r\n\r\n'

    def oversized(self) -> bytes:
        """Return one valid chunk of several MiB."""
        return self._chunk([{"text": OVERSIZED_TEXT}])

    def _add_tool_delta(self, delta: Delta) -> bytes:
        if delta.started_call is not None:
            self._call, self._arguments = delta.started_call, ""
            self._output_length += len(delta.started_call.name)
        self._arguments += delta.text
        self._output_length += len(delta.text)
        if self._call is None or self._arguments != self._call.arguments:
            return b""
        return self._chunk([_tool_call(self._response, delta.call_index, self._call)])

    def _chunk(self, parts: Sequence[_Part]) -> bytes:
        """Return a chunk with the usage so far."""
        final = self._response.script.usage
        usage = Usage(
            prompt=final.prompt,
            completion=count_tokens(self._reasoning_length + self._output_length),
            cached=final.cached,
            reasoning=count_tokens(self._reasoning_length),
        )
        return _data_line(_chunk_object(self._response, parts, usage))


def _data_line(response: object) -> bytes:
    return b"data: " + orjson.dumps(response) + b"\r\n\r\n"


def _chunk_object(
    response: ScriptedResponse, parts: Sequence[_Part], usage: Usage, reason: str | None = None
) -> dict[str, object]:
    candidate: dict[str, object] = {"content": {"parts": parts, "role": "model"}}
    candidate |= {"finishReason": reason} if reason else {}
    usage_field = {"usageMetadata": _usage(usage)} if response.with_usage else {}
    return {
        "candidates": [candidate | {"index": 0}],
        **usage_field,
        "modelVersion": response.model,
        "responseId": response.id,
    }


def _thought(text: str) -> _Part:
    return {"text": text, "thought": True}


def _tool_call(response: ScriptedResponse, index: int, call: ToolCall) -> _Part:
    """Return the part of a tool call; the first of parallel calls has the signature of the thoughts before them."""
    part: _Part = {
        "functionCall": {"name": call.name, "args": orjson.loads(call.arguments), "id": call.id[-8:]},
    }
    return part | ({"thoughtSignature": response.signature} if response.script.reasoning and index == 0 else {})


def _usage(usage: Usage) -> dict[str, int]:
    """Return the usage without zeros. Here the candidates' tokens do not include those of the thoughts."""
    counts = {
        "promptTokenCount": usage.prompt,
        "cachedContentTokenCount": usage.cached,
        "candidatesTokenCount": usage.completion - usage.reasoning,
        "thoughtsTokenCount": usage.reasoning,
        "totalTokenCount": usage.prompt + usage.completion,
    }
    return {name: count for name, count in counts.items() if count}


def _error(error: RequestError) -> dict[str, object]:
    status = _STATUSES.get(error.status, "INVALID_ARGUMENT" if error.status < 500 else "INTERNAL")
    detail: dict[str, object] = {"code": error.status, "message": error.message, "status": status}
    if error.retry_after is not None:
        wait = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{error.retry_after}s"}
        detail["details"] = [wait]
    return {"error": detail}
