"""Google's Gemini API, `streamGenerateContent`: the wire format of https://generativelanguage.googleapis.com/v1beta.

Sources: ai.google.dev/api/generate-content and /api/caching (fields), and the guides "Function calling", "Thinking".
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

from pydantic import JsonValue, SecretStr

from gateway.protocol.commands import JsonObject
from gateway.protocol.errors import Code, Failed
from gateway.protocol.events import Chunk, Part, Reasoning, ToolCall, Usage
from gateway.upstreams.base import Finished, UpstreamEvent, UpstreamRequest
from gateway.upstreams.endpoint import Endpoint
from gateway.upstreams.errors.bodies import find_error
from gateway.upstreams.errors.failures import from_stream, truncated, unreadable
from gateway.upstreams.formats.base import DONE
from gateway.upstreams.formats.call_ids import generate_call_id
from gateway.upstreams.formats.figures import merge_figures
from gateway.upstreams.formats.finish_reasons import ending_of, finish_reason
from gateway.upstreams.formats.gemini_request import adapt_request, build_request
from gateway.upstreams.formats.json_values import (
    SurrogateJoiner,
    count_of,
    decode,
    index_of,
    list_of,
    object_of,
    objects_of,
    repair_surrogates,
    text_of,
)
from gateway.upstreams.formats.logprobs import gemini_logprobs
from gateway.upstreams.formats.parts import citation_part, media_part, server_tool_part, unsupported_content
from gateway.upstreams.sanitize import sanitize_message, sanitize_token

FORMAT = "gemini"
"""Name of this format in citations."""

_NUMBERED_REASONS = ("STOP", "MAX_TOKENS", "SAFETY", "RECITATION")

_KNOWN_REASONS = frozenset({"stop", "length", "tool_calls", "content_filter"})
"""Finish reasons of an answer that may have no content."""

_NO_BLOCK_REASON = frozenset({"", "BLOCK_REASON_UNSPECIFIED", "BLOCKED_REASON_UNSPECIFIED"})

_TOOL_PARTS = ("toolCall", "toolResponse", "functionResponse")
"""Parts of a tool that the provider ran itself."""


_NO_CONTENT = frozenset(
    {"text", "thought", "thoughtSignature", "executableCode", "codeExecutionResult", "inlineData", "fileData"}
    | {"videoMetadata", "partMetadata", "mediaResolution"}
)
"""Fields of a part that are read here, or that bring no content; a field outside may."""


def model_endpoint(model: str, method: str) -> Endpoint:
    """Return the endpoint of a model's method. The model may be named as `models/…` or `tunedModels/…`."""
    kind, slash, name = model.partition("/")
    if not (slash and kind in {"models", "tunedModels"}):
        kind, name = "models", model
    return Endpoint((kind, name), method)


class GeminiFormat:
    """`POST {base_url}/models/{model}:streamGenerateContent`; see `WireFormat`."""

    api = "gemini"

    def endpoint(self, request: UpstreamRequest) -> Endpoint:
        """See `WireFormat.endpoint`."""
        # Without alt=sse, the response is a single JSON array.
        return model_endpoint(request.model, ":streamGenerateContent?alt=sse")

    def headers(self, api_key: str | None) -> dict[str, str]:
        """See `WireFormat.headers`."""
        return {} if api_key is None else {"x-goog-api-key": api_key}

    def body(self, request: UpstreamRequest) -> JsonObject:
        """See `WireFormat.body`."""
        verbatim = request.verbatim_for(self.api)
        return build_request(request) if verbatim is None else adapt_request(verbatim.body, request)

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
    every event, so all that follows is read, too. Content takes a reason back, and the last one counts.
    """

    api_key: SecretStr | None = None
    finished: bool = False
    done: bool = False
    _surrogates: SurrogateJoiner = field(default_factory=SurrogateJoiner)
    _call_count: int = 0
    _response_id: str = ""
    _has_content: bool = False
    _unknown: str | None = None
    """Name of the first field of a part that may have brought content that is not known here."""
    _reason: str | None = None
    _was_early: bool = False
    """Content came after a reason: reasons of this server are no end mark."""
    _usage: JsonObject = field(default_factory=dict)
    _cited: set[str] = field(default_factory=set)
    """Citations that have been appended: Google repeats them from event to event."""

    @property
    def is_stateless(self) -> bool:
        """See `EventReader.is_stateless`."""
        return not (self.finished or self._surrogates)

    def new(self) -> "GenerateContentReader":
        """See `EventReader.new`."""
        return GenerateContentReader()

    def read(self, data: bytes, events: list[UpstreamEvent]) -> None:
        """See `EventReader.read`."""
        if data == DONE:
            # Some servers add it, as in chat completions.
            return
        if data[:1] == b"[":
            # Without `alt=sse`, which some proxies drop, all responses come in one array.
            for each in list_of(decode(b'{"all":%b}' % data).get("all")):
                self._read_response(object_of(each), events)
            return
        self._read_response(decode(data), events)

    def _read_response(self, response: JsonObject, events: list[UpstreamEvent]) -> None:
        # Google's libraries for other languages, and some proxies, put the response into an object of its own.
        response = object_of(response.get("response")) or response
        if response.get("error") or ("candidates" not in response and find_error(response) is not None):
            raise from_stream(response, self.api_key)
        self._response_id = text_of(response.get("responseId")) or self._response_id
        # We ask for one answer; if a server sends several, the first one counts.
        candidates = map(object_of, list_of(response.get("candidates")))
        first = next((each for each in candidates if index_of(each.get("index")) in {0, None}), {})
        if "logprobsResult" in first and (logprobs := gemini_logprobs(first["logprobsResult"])):
            events.append(logprobs)
        before = len(events)
        for part in _parts(first.get("content")):
            self._read_part(part, events)
        self._read_citations(first, events)
        if len(events) > before:
            self._has_content = True
            if self.finished:
                self.finished, self._was_early = False, True
        failure = self._find_block_reason(response) or self._read_finish_reason(first, events)
        if usage := object_of(response.get("usageMetadata")):
            # Appended after the finish reason: after an end mark, figures count as final.
            self._usage = merge_figures(self._usage, usage)
            events.append(_usage(self._usage))
        if failure is not None:
            raise failure

    def end(self) -> list[UpstreamEvent]:
        """See `EventReader.end`."""
        if self.finished:
            return []
        if self._reason is None:
            raise truncated()
        self.finished = True
        figures = _usage(self._usage)
        # Figures before the end mark count as unfinished; these are those of the whole answer.
        return [Finished(self._finish_reason), *([figures] if figures.output_tokens else [])]

    @property
    def _finish_reason(self) -> str | None:
        # Google has no reason for tool calls: they end with STOP, like text.
        return finish_reason(self._reason, called=self._call_count > 0)

    def _read_part(self, part: JsonObject, events: list[UpstreamEvent]) -> None:
        """Append the content of a part; a part with nothing but a thought signature has none for clients."""
        call, text = part.get("functionCall"), _text_of(part)
        if text:
            kind = Reasoning if part.get("thought") is True else Chunk
            if complete := self._surrogates.join(kind, text):
                events.append(kind(complete))
        if isinstance(call, dict):
            self._append_call(call, part.get("thoughtSignature"), events)
        elif media := _media_of(part):
            events.append(media)
        elif name := next((name for name in _TOOL_PARTS if name in part), None):
            events.append(server_tool_part(text_of(object_of(part[name]).get("name")) or name, part))
        elif self._unknown is None:
            self._unknown = next((name for name, value in part.items() if value and name not in _NO_CONTENT), None)

    def _append_call(self, call: JsonObject, signature: JsonValue, events: list[UpstreamEvent]) -> None:
        name, arguments = call.get("name"), call.get("args")
        if not (isinstance(name, str) and name) or not (arguments is None or isinstance(arguments, str | dict)):
            raise unreadable("a function call has no name, or arguments that are not an object")
        index, self._call_count = self._call_count, self._call_count + 1
        # Some servers send the arguments as JSON text.
        text = arguments or "{}" if not isinstance(arguments, dict) else _compact_json(arguments)
        # Not all models give their calls ids.
        call_id = text_of(call.get("id")) or generate_call_id(self._response_id, index)
        signed = text_of(signature) or None
        events.append(ToolCall(index, call_id, repair_surrogates(name), repair_surrogates(text), signed))

    def _read_citations(self, candidate: JsonObject, events: list[UpstreamEvent]) -> None:
        for part in _citations(candidate):
            source = f"{part.fields['url']} {part.fields['title']}"
            if source not in self._cited:
                self._cited.add(source)
                events.append(part)

    def _read_finish_reason(self, candidate: JsonObject, events: list[UpstreamEvent]) -> Failed | None:
        """Append the end mark if it has come, or return the failure that it stands for."""
        reason = candidate.get("finishReason")
        if isinstance(reason, int) and reason:
            # The number of the enumeration's value, which some libraries write (google/ai/generativelanguage).
            reason = _NUMBERED_REASONS[reason - 1] if 0 < reason <= len(_NUMBERED_REASONS) else "OTHER"
        ending = ending_of(reason.removeprefix("FINISH_REASON_")) if isinstance(reason, str) else None
        if ending is None:
            return None
        code = ending.code
        if code is None and self._unknown is not None and not self._has_content:
            return unsupported_content(self._unknown)
        if code is None and ending.reason not in _KNOWN_REASONS and not self._has_content:
            # OTHER, NO_IMAGE, and what is added later: without content, it is no answer.
            code = Code.UPSTREAM_PROTOCOL
        if code is not None:
            quote = sanitize_message(str(candidate.get("finishMessage") or ""), self.api_key)
            shown = sanitize_token(str(reason))
            return Failed(code, f"The model's answer failed: {shown}" + (f": {quote}" if quote else ""))
        self._reason = ending.reason
        if not self._was_early:
            self.finished = True
            events.append(Finished(self._finish_reason))
        return None

    def _find_block_reason(self, response: JsonObject) -> Failed | None:
        """Return the failure of a blocked prompt, which brings no content. Vertex AI sends empty candidates with it."""
        reason = object_of(response.get("promptFeedback")).get("blockReason")
        if self._has_content or not isinstance(reason, str) or reason in _NO_BLOCK_REASON:
            return None
        return Failed(Code.CONTENT_FILTER, f"The provider blocked the prompt: {sanitize_token(reason)}.")


def _citations(candidate: JsonObject) -> Iterator[Part]:
    """Yield the sources of a search, of pages that were read, and of text that repeats a source."""
    grounding = object_of(candidate.get("groundingMetadata"))
    supports = objects_of(grounding.get("groundingSupports"))
    for index, chunk in enumerate(list_of(grounding.get("groundingChunks"))):
        # The pieces of text that the source supports stand beside the sources.
        supported: list[JsonValue] = [each for each in supports if index in list_of(each.get("groundingChunkIndices"))]
        source: JsonObject = {"groundingChunk": chunk, **({"groundingSupports": supported} if supported else {})}
        for each in _values(object_of(chunk)):
            yield _citation(each.get("uri"), each.get("title"), each.get("text"), source)
    for page in objects_of(object_of(candidate.get("urlContextMetadata")).get("urlMetadata")):
        yield _citation(page.get("retrievedUrl"), None, None, page)
    citations = object_of(candidate.get("citationMetadata"))
    for cited in objects_of(citations.get("citationSources") or citations.get("citations")):
        yield _citation(cited.get("uri"), cited.get("title"), None, cited)


def _citation(url: JsonValue, title: JsonValue, text: JsonValue, source: JsonObject) -> Part:
    return citation_part(url, title, text, source=source, wire_format=FORMAT)


def _parts(content: JsonValue) -> list[JsonObject]:
    """Return the parts of a content; some servers send a single one without its list.

    Raises:
        Failed: `upstream_protocol`, if it is something else, and not empty.
    """
    parts = content.get("parts") if isinstance(content, dict) else content
    if isinstance(parts, dict):
        return [parts]
    if parts and not (isinstance(content, dict) and isinstance(parts, list)):
        raise unreadable("the content of a candidate has no list of parts")
    return [*map(object_of, list_of(parts))]


def _values(value: JsonObject) -> list[JsonObject]:
    return [each for each in value.values() if isinstance(each, dict)]


def _media_of(part: JsonObject) -> Part | None:
    inline, file = object_of(part.get("inlineData")), object_of(part.get("fileData"))
    return media_part(inline.get("mimeType") or file.get("mimeType"), data=inline.get("data"), url=file.get("fileUri"))


def _compact_json(value: JsonObject) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


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
    # No prompt has 0 tokens: a server that says so does not know.
    return Usage(
        read or None, sum(written) if written else None, "exact", count.get("cachedContentTokenCount"), thoughts
    )
