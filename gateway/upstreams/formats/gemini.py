"""Google's Gemini API, `streamGenerateContent`: the wire format of https://generativelanguage.googleapis.com/v1beta.

Sources: ai.google.dev/api/generate-content and /api/caching (fields), and the guides "Function calling", "Thinking".
"""

import json
from dataclasses import dataclass, field

from pydantic import SecretStr

from gateway.protocol.commands import JsonObject
from gateway.protocol.errors import Code, Failed
from gateway.protocol.events import Chunk, Reasoning, ToolCall, Usage
from gateway.upstreams.base import Finished, UpstreamEvent, UpstreamRequest
from gateway.upstreams.endpoint import Endpoint
from gateway.upstreams.errors import from_stream, truncated, unreadable
from gateway.upstreams.formats.gemini_request import build_request
from gateway.upstreams.formats.json_values import (
    SurrogateJoiner,
    count_of,
    decode,
    list_of,
    object_of,
    repair_surrogates,
    text_of,
)
from gateway.upstreams.sanitize import sanitize_message, sanitize_token

_FINISH_REASONS = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "CONTINUATION": "length",
    **dict.fromkeys(
        (
            *("SAFETY", "PROHIBITED_CONTENT", "BLOCKLIST", "SPII", "RECITATION", "LANGUAGE", "MODEL_ARMOR"),
            *("IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION", "ESCALATION", "PUP_LIMITED_DISABLED"),
        ),
        "content_filter",
    ),
    # Not Google's, but sent by servers that imitate its API.
    "FUNCTION_CALL": "stop",
}
"""OpenAI's finish reason, which clients get, by Google's; others are passed on in lower case."""

_FAILURES = {
    # The model wrote an invalid call: nothing of it is in the response, and a retry often helps.
    "MALFORMED_FUNCTION_CALL": Code.UPSTREAM_PROTOCOL,
    "UNEXPECTED_TOOL_CALL": Code.UPSTREAM_PROTOCOL,
    "MALFORMED_RESPONSE": Code.UPSTREAM_PROTOCOL,
    "MISSING_THOUGHT_SIGNATURE": Code.INVALID_REQUEST,
}
"""Finish reasons that mean a failure. As a finish reason they would look like a complete, empty answer."""


MAX_RESPONSE_ID = 64
"""Characters of a response's id that go into the ids of its calls; Google's ids have about twenty."""


class GeminiFormat:
    """`POST {base_url}/models/{model}:streamGenerateContent`; see `WireFormat`."""

    def endpoint(self, request: UpstreamRequest) -> Endpoint:
        """See `WireFormat.endpoint`. The model may be named as `models/…` or `tunedModels/…`."""
        kind, slash, name = request.model.partition("/")
        if not (slash and kind in {"models", "tunedModels"}):
            kind, name = "models", request.model
        # Without alt=sse, the response is a single JSON array.
        return Endpoint((kind, name), ":streamGenerateContent?alt=sse")

    def headers(self, api_key: str | None) -> dict[str, str]:
        """See `WireFormat.headers`."""
        return {} if api_key is None else {"x-goog-api-key": api_key}

    def body(self, request: UpstreamRequest) -> JsonObject:
        """See `WireFormat.body`."""
        return build_request(request)

    def can_continue(self, _request: UpstreamRequest) -> bool:
        """Return False: a last message of the assistant is answered, never continued."""
        return False

    def reader(self, api_key: SecretStr | None) -> "GenerateContentReader":
        """See `WireFormat.reader`."""
        return GenerateContentReader(api_key)


@dataclass(slots=True)
class GenerateContentReader:
    """Reads `GenerateContentResponse` objects; see `EventReader`.

    `done` stays False. Some servers send the usage after the finish reason, and some models sent a finish reason with
    every event, so all that follows is read, too.
    """

    api_key: SecretStr | None = None
    finished: bool = False
    done: bool = False
    _surrogates: SurrogateJoiner = field(default_factory=SurrogateJoiner)
    _call_count: int = 0
    _response_id: str = ""

    @property
    def is_stateless(self) -> bool:
        """See `EventReader.is_stateless`."""
        return not (self.finished or self._surrogates)

    def new(self) -> "GenerateContentReader":
        """See `EventReader.new`."""
        return GenerateContentReader()

    def read(self, data: bytes, events: list[UpstreamEvent]) -> None:
        """See `EventReader.read`."""
        response = decode(data)
        error = response.get("error")
        if error:
            raise from_stream(error, self.api_key)
        self._response_id = (text_of(response.get("responseId")) or self._response_id)[:MAX_RESPONSE_ID]
        candidates = list_of(response.get("candidates"))
        # We ask for one answer; if a server sends several, the first one counts.
        first = next((each for each in map(object_of, candidates) if each.get("index", 0) == 0), {})
        for part in list_of(object_of(first.get("content")).get("parts")):
            self._read_part(object_of(part), events)
        failure = self._read_finish_reason(first, events) if candidates else self._find_block_reason(response)
        usage = response.get("usageMetadata")
        if isinstance(usage, dict):
            # Appended after the finish reason: after an end mark, figures count as final.
            events.append(_usage(usage))
        if failure is not None:
            raise failure

    def end(self) -> list[UpstreamEvent]:
        """See `EventReader.end`."""
        if not self.finished:
            raise truncated()
        return []

    def _read_part(self, part: JsonObject, events: list[UpstreamEvent]) -> None:
        """Append the content of a part; a part with nothing but a thought signature has none for clients."""
        call, text = part.get("functionCall"), _text_of(part)
        if isinstance(call, dict):
            events.append(self._tool_call(call))
        elif "inlineData" in part or "fileData" in part:
            message = "The provider's answer contains a file, but only text is supported: use a model that writes text."
            raise Failed(Code.UPSTREAM_PROTOCOL, message, retryable=False)
        elif text:
            kind = Reasoning if part.get("thought") is True else Chunk
            if complete := self._surrogates.join(kind, text):
                events.append(kind(complete))

    def _tool_call(self, call: JsonObject) -> ToolCall:
        name, arguments = call.get("name"), call.get("args")
        if not (isinstance(name, str) and name) or not (arguments is None or isinstance(arguments, dict)):
            raise unreadable("a function call has no name, or arguments that are not an object")
        index, self._call_count = self._call_count, self._call_count + 1
        # Not all models give their calls ids. With the response's id, generated ones are unique in a conversation.
        generated = f"call_{self._response_id}_{index}" if self._response_id else f"call_{index}"
        text = json.dumps(arguments or {}, ensure_ascii=False, separators=(",", ":"))
        return ToolCall(index, text_of(call.get("id")) or generated, repair_surrogates(name), repair_surrogates(text))

    def _read_finish_reason(self, candidate: JsonObject, events: list[UpstreamEvent]) -> Failed | None:
        """Append the end mark if it has come, or return the failure that it stands for."""
        reason = candidate.get("finishReason")
        # Some servers state explicitly that there is no reason yet.
        if not isinstance(reason, str) or reason in {"", "FINISH_REASON_UNSPECIFIED"}:
            return None
        if reason in _FAILURES:
            quote = sanitize_message(str(candidate.get("finishMessage") or ""), self.api_key)
            return Failed(_FAILURES[reason], f"The model's answer failed: {reason}" + (f": {quote}" if quote else ""))
        self.finished = True
        finish_reason = _FINISH_REASONS.get(reason) or reason.lower()
        # Google has no reason for tool calls: they end with STOP, like text.
        events.append(Finished("tool_calls" if finish_reason == "stop" and self._call_count else finish_reason))
        return None

    def _find_block_reason(self, response: JsonObject) -> Failed | None:
        """Return the failure of a blocked prompt, for which there are no candidates."""
        reason = object_of(response.get("promptFeedback")).get("blockReason")
        if not isinstance(reason, str) or not reason:
            return None
        return Failed(Code.CONTENT_FILTER, f"The provider blocked the prompt: {sanitize_token(reason)}.")


def _text_of(part: JsonObject) -> str:
    """Return the text of a part. Code that the provider ran, and its output, become Markdown, as models write it."""
    if isinstance(text := part.get("text"), str):
        return text
    code, result = part.get("executableCode"), part.get("codeExecutionResult")
    if isinstance(code, dict):
        return f"\n```{str(code.get('language') or '').lower()}\n{code.get('code') or ''}\n```\n"
    return f"\n```\n{result.get('output') or ''}\n```\n" if isinstance(result, dict) else ""


def _usage(usage: JsonObject) -> Usage:
    """Convert usage figures. Tokens from the provider's tools are input, thoughts are output; `total` is their sum.

    Google omits counts of zero: an answer without a token has only the total.
    """
    count = {name: count_of(value) for name, value in usage.items()}
    prompt, thoughts, total = (count.get(f"{name}TokenCount") for name in ("prompt", "thoughts", "total"))
    read = None if prompt is None else prompt + (count.get("toolUsePromptTokenCount") or 0)
    written = [known for known in (count.get("candidatesTokenCount"), thoughts) if known is not None]
    if not written and read is not None and total is not None and total >= read:
        written = [total - read]
    return Usage(read, sum(written) if written else None, "exact", count.get("cachedContentTokenCount"), thoughts)
