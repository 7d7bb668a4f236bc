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
from gateway.upstreams.errors import broken, from_stream
from gateway.upstreams.formats.gemini_request import build_request
from gateway.upstreams.formats.json_values import SurrogateJoiner, clean, count_of, decode, list_of, object_of, text_of
from gateway.upstreams.sanitize import sanitize_message, sanitize_token

_FINISH = {
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
    # Not Google's word, but that of servers which imitate it.
    "FUNCTION_CALL": "stop",
}
"""Google's reasons in OpenAI's words, that clients know; others are passed on in lower case."""

_FAILED = {
    # The model garbled its own answer: nothing of the call came, and asking again often helps.
    "MALFORMED_FUNCTION_CALL": Code.UPSTREAM_PROTOCOL,
    "UNEXPECTED_TOOL_CALL": Code.UPSTREAM_PROTOCOL,
    "MALFORMED_RESPONSE": Code.UPSTREAM_PROTOCOL,
    "MISSING_THOUGHT_SIGNATURE": Code.INVALID_REQUEST,
}
"""Reasons that are no end of an answer but its failure: as an end they would pass for an answer that is empty."""


RESPONSE_ID = 64
"""Characters of a response's id that go into the ids of its calls; Google's have some twenty."""


class GeminiFormat:
    """`POST {base_url}/models/{model}:streamGenerateContent`; see `Wire`."""

    def endpoint(self, call: UpstreamRequest) -> Endpoint:
        """Give where it is posted to, below the base URL; the model may be named as `models/…` or `tunedModels/…`."""
        kind, slash, name = call.model.partition("/")
        if not (slash and kind in {"models", "tunedModels"}):
            kind, name = "models", call.model
        # Without alt=sse it would answer with one JSON array.
        return Endpoint((kind, name), ":streamGenerateContent?alt=sse")

    def headers(self, api_key: str | None) -> dict[str, str]:
        """Give the headers that carry the key."""
        return {} if api_key is None else {"x-goog-api-key": api_key}

    def body(self, call: UpstreamRequest) -> JsonObject:
        """Spell a call; see `Wire.body`."""
        return build_request(call)

    def can_continue(self, _call: UpstreamRequest) -> bool:
        """Tell that a turn of the assistant's is never gone on with: it is answered."""
        return False

    def reader(self, api_key: SecretStr | None) -> "GenerateContentReader":
        """Make a reader of one answer; the key is never to be shown."""
        return GenerateContentReader(api_key)


@dataclass(slots=True)
class GenerateContentReader:
    """Reads `GenerateContentResponse` objects; see `Reader`.

    `done` is never set: some servers bring the figures behind the finish reason, and some models gave one with every
    event, so what follows is read too.
    """

    api_key: SecretStr | None = None
    finished: bool = False
    done: bool = False
    _half: SurrogateJoiner = field(default_factory=SurrogateJoiner)
    _calls: int = 0
    _response: str = ""

    @property
    def is_stateless(self) -> bool:
        """Tell whether the next event means by itself what it says."""
        return not (self.finished or self._half)

    def new(self) -> "GenerateContentReader":
        """Make one that has read nothing."""
        return GenerateContentReader()

    def read(self, data: bytes, parts: list[UpstreamEvent]) -> None:
        """Add the parts of one event."""
        response = decode(data)
        error = response.get("error")
        if error:
            raise from_stream(error, self.api_key)
        self._response = (text_of(response.get("responseId")) or self._response)[:RESPONSE_ID]
        candidates = list_of(response.get("candidates"))
        # We ask for one answer; of a server that sends more, we take the first.
        first = next((each for each in map(object_of, candidates) if each.get("index", 0) == 0), {})
        for part in list_of(object_of(first.get("content")).get("parts")):
            self._part(object_of(part), parts)
        failed = self._ending(first, parts) if candidates else self._refusal(response)
        usage = response.get("usageMetadata")
        if isinstance(usage, dict):
            # Behind the finish reason: there they are final.
            parts.append(_usage(usage))
        if failed is not None:
            raise failed

    def _part(self, part: JsonObject, parts: list[UpstreamEvent]) -> None:
        """Add what one part says; one that holds a signature alone says nothing to a client."""
        call, text = part.get("functionCall"), _text_of(part)
        if isinstance(call, dict):
            parts.append(self._tool_call(call))
        elif "inlineData" in part or "fileData" in part:
            message = "The provider's answer holds a file, and only text can be carried: ask a model that writes text."
            raise Failed(Code.UPSTREAM_PROTOCOL, message, retryable=False)
        elif text:
            kind = Reasoning if part.get("thought") is True else Chunk
            if whole := self._half.whole(kind, text):
                parts.append(kind(whole))

    def _tool_call(self, call: JsonObject) -> ToolCall:
        name, arguments = call.get("name"), call.get("args")
        if not (isinstance(name, str) and name) or not (arguments is None or isinstance(arguments, dict)):
            raise broken("a function call of it has no name, or arguments that are not an object")
        index, self._calls = self._calls, self._calls + 1
        # Not all models name their calls. The response's own id keeps names apart over a whole conversation.
        made = f"call_{self._response}_{index}" if self._response else f"call_{index}"
        text = json.dumps(arguments or {}, ensure_ascii=False, separators=(",", ":"))
        return ToolCall(index, text_of(call.get("id")) or made, clean(name), clean(text))

    def _ending(self, candidate: JsonObject, parts: list[UpstreamEvent]) -> Failed | None:
        """Add the end mark, if it has come; give the failure that it stands for, if it does."""
        reason = candidate.get("finishReason")
        # Some servers spell out that there is no reason yet.
        if not isinstance(reason, str) or reason in {"", "FINISH_REASON_UNSPECIFIED"}:
            return None
        if reason in _FAILED:
            words = sanitize_message(str(candidate.get("finishMessage") or ""), self.api_key)
            return Failed(_FAILED[reason], f"The model's answer failed: {reason}" + (f": {words}" if words else ""))
        self.finished = True
        word = _FINISH.get(reason) or reason.lower()
        parts.append(Finished("tool_calls" if word == "stop" and self._calls else word))
        return None

    def _refusal(self, response: JsonObject) -> Failed | None:
        """Give the failure of a prompt that was blocked: then there are no candidates."""
        reason = object_of(response.get("promptFeedback")).get("blockReason")
        if not isinstance(reason, str) or not reason:
            return None
        return Failed(Code.CONTENT_FILTER, f"The provider blocked the prompt: {sanitize_token(reason)}.")


def _text_of(part: JsonObject) -> str:
    """Give a part's text; code that the provider ran, and what came of it, as the Markdown that a model would write."""
    if isinstance(text := part.get("text"), str):
        return text
    code, result = part.get("executableCode"), part.get("codeExecutionResult")
    if isinstance(code, dict):
        return f"\n```{str(code.get('language') or '').lower()}\n{code.get('code') or ''}\n```\n"
    return f"\n```\n{result.get('output') or ''}\n```\n" if isinstance(result, dict) else ""


def _usage(usage: JsonObject) -> Usage:
    """Read the figures: what tools of the provider's brought is input, and thoughts are output (their sum is `total`).

    Counts of zero are left out: an answer without a token says so by its total alone.
    """
    count = {name: count_of(value) for name, value in usage.items()}
    prompt, thoughts, whole = (count.get(f"{name}TokenCount") for name in ("prompt", "thoughts", "total"))
    read = None if prompt is None else prompt + (count.get("toolUsePromptTokenCount") or 0)
    written = [known for known in (count.get("candidatesTokenCount"), thoughts) if known is not None]
    if not written and read is not None and whole is not None and whole >= read:
        written = [whole - read]
    return Usage(read, sum(written) if written else None, "exact", count.get("cachedContentTokenCount"), thoughts)
