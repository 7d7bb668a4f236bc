"""Google's Gemini (ai.google.dev/api/generate-content, "GenerateContentResponse"; google.aip.dev/193 for errors)."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import orjson

from gateway.simulator.bodies.generate_content import read_generate_content
from gateway.simulator.errors import RequestError
from gateway.simulator.request import Request
from gateway.simulator.script import Delta, Usage, tokens
from gateway.simulator.tools import ToolCall
from gateway.simulator.wires.base import HUGE, Answer

_FINISH_REASONS: Final = {"stop": "STOP", "length": "MAX_TOKENS", "tool_calls": "STOP"}
_STATUSES: Final[Mapping[int, str]] = {
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    503: "UNAVAILABLE",
}
_Part = dict[str, object]


class GenerateContent:
    """`POST /v1beta/models/{model}:generateContent` and `:streamGenerateContent?alt=sse`; see `Wire`."""

    prefix = ""

    def read(self, body: bytes, _headers: Mapping[str, str], place: Mapping[str, str]) -> Request:
        """Read a request."""
        return read_generate_content(body, place)

    def frames(self, answer: Answer) -> "ResponseChunks":
        """Spell an answer as chunks, each a `GenerateContentResponse` of its own."""
        return ResponseChunks(answer)

    def whole(self, answer: Answer) -> bytes:
        """Spell an answer as one `GenerateContentResponse`."""
        script = answer.script
        parts: list[_Part] = [_thought(script.reasoning)] if script.reasoning else []
        if script.text or not script.calls:
            parts.append({"text": script.text})
        parts += [_call(answer, place, call) for place, call in enumerate(script.calls)]
        return orjson.dumps(_response(answer, parts, script.usage, _FINISH_REASONS[script.finish_reason]))

    def refusal(self, error: RequestError) -> tuple[bytes, dict[str, str]]:
        """Spell an error as Google's status object, which says itself how long to wait: there is no such header."""
        return orjson.dumps(_error(error)), {}


class ResponseChunks:
    """The chunks of one stream; see `Frames`. Lines end in CRLF, and no end mark follows the last chunk."""

    def __init__(self, answer: Answer) -> None:
        self._answer: Final = answer
        self._thought = 0
        self._said = 0
        self._call: ToolCall | None = None
        self._arguments = ""

    def start(self) -> bytes:
        """Give nothing: the first chunk has text."""
        return b""

    def delta(self, delta: Delta) -> bytes:
        """Give the chunk of one delta; a call comes whole, with the last of its arguments."""
        match delta.kind:
            case "reasoning":
                self._thought += len(delta.text)
                return self._chunk([_thought(delta.text)])
            case "content":
                self._said += len(delta.text)
                return self._chunk([{"text": delta.text}])
            case "tool":
                return self._tool(delta)

    def finish(self) -> Iterator[bytes]:
        """Give the chunk without text that says why the answer ends."""
        script = self._answer.script
        # A call has the signature itself.
        last: _Part = {"text": ""}
        if script.reasoning and not script.calls:
            last["thoughtSignature"] = self._answer.signature
        yield _data(_response(self._answer, [last], script.usage, _FINISH_REASONS[script.finish_reason]))

    def done(self) -> bytes:
        """Give nothing: the stream just ends."""
        return b""

    def error(self, error: RequestError) -> bytes:
        """Give the status object in place of a chunk."""
        return _data(_error(error))

    def nothing(self) -> bytes:
        """Give a chunk without text."""
        return self._chunk([{"text": ""}])

    def garbage(self) -> bytes:
        """Give a data line that is cut off inside its JSON."""
        return b'data: {"candidates": [{"content": {"parts": [{"te\r\n\r\n'

    def huge(self) -> bytes:
        """Give one line of several MiB, in itself a valid chunk."""
        return self._chunk([{"text": HUGE}])

    def _tool(self, delta: Delta) -> bytes:
        if delta.opens is not None:
            self._call, self._arguments = delta.opens, ""
            self._said += len(delta.opens.name)
        self._arguments += delta.text
        self._said += len(delta.text)
        if self._call is None or self._arguments != self._call.arguments:
            return b""
        return self._chunk([_call(self._answer, delta.call, self._call)])

    def _chunk(self, parts: Sequence[_Part]) -> bytes:
        """Give a chunk with the usage so far."""
        prompt = self._answer.script.usage
        usage = Usage(
            prompt=prompt.prompt,
            completion=tokens(self._thought + self._said),
            cached=prompt.cached,
            reasoning=tokens(self._thought),
        )
        return _data(_response(self._answer, parts, usage))


def _data(response: object) -> bytes:
    return b"data: " + orjson.dumps(response) + b"\r\n\r\n"


def _response(answer: Answer, parts: Sequence[_Part], usage: Usage, reason: str | None = None) -> dict[str, object]:
    candidate: dict[str, object] = {"content": {"parts": parts, "role": "model"}}
    candidate |= {"finishReason": reason} if reason else {}
    told = {"usageMetadata": _usage(usage)} if answer.with_usage else {}
    return {"candidates": [candidate | {"index": 0}], **told, "modelVersion": answer.model, "responseId": answer.id}


def _thought(text: str) -> _Part:
    return {"text": text, "thought": True}


def _call(answer: Answer, place: int, call: ToolCall) -> _Part:
    """Give the part of a call; of parallel ones the first has the signature of the thoughts before them."""
    part: _Part = {
        "functionCall": {"name": call.name, "args": orjson.loads(call.arguments), "id": call.id[-8:]},
    }
    return part | ({"thoughtSignature": answer.signature} if answer.script.reasoning and place == 0 else {})


def _usage(usage: Usage) -> dict[str, int]:
    """Give the usage without its zeros; here the thoughts' tokens are not among the candidates'."""
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
