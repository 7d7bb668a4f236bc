"""Read the content of a delta or message of chat completions: text, reasoning, tool calls, media, citations. Pure.

Sources: platform.openai.com/docs/api-reference/chat-streaming, openrouter.ai/docs ("Reasoning Tokens", "Image
Generation"), docs.mistral.ai ("Reasoning", `content` as a list), docs.litellm.ai ("Reasoning content"),
ai.google.dev "OpenAI compatibility" (`extra_content`), docs.perplexity.ai (`citations`).
"""

from dataclasses import dataclass, field
from typing import Final

from pydantic import JsonValue

from gateway.protocol.commands import JsonObject
from gateway.protocol.events import Chunk, Part, Reasoning, SignedReasoning, ToolCall
from gateway.upstreams.base import UpstreamEvent
from gateway.upstreams.formats.json_values import SurrogateJoiner, list_of, object_of, objects_of, text_of
from gateway.upstreams.formats.openai_chat_calls import ToolCalls
from gateway.upstreams.formats.openai_chat_parts import citation_of, media_of
from gateway.upstreams.formats.parts import REFUSAL, unsupported_content

REASONING_FIELDS: Final = ("reasoning_content", "reasoning", "reasoning_text", "thinking")
"""Fields with a piece of reasoning; if a server sends two of them, both have the same text."""

_KIND_FIELDS: Final = {
    Chunk: ("content", "refusal"),
    Reasoning: (*REASONING_FIELDS, "reasoning_details", "thinking_blocks"),
    ToolCall: ("tool_calls", "function_call"),
    Part: ("images", "audio", "files", "videos", "video", "annotations"),
}
"""Fields of a delta by what they bring."""

_NO_CONTENT: Final = frozenset(
    {
        *("role", "name", "extra_content", "provider_specific_fields", "obfuscation", "parsed", "padding", "p"),
        *("token_ids", "logprobs", "stop_reason", "matched_stop", "tool_call_id", "reasoning_opaque", "phase", "id"),
        *("service_tier", "model", "object", "created", "usage", "finish_reason", "index", "type"),
        *(name for names in _KIND_FIELDS.values() for name in names),
    }
)
"""Fields that are read here, or that bring no content; a field outside may."""

_TEXT_PARTS: Final = frozenset({"text", "output_text", "input_text", "refusal", None})
_REASONING_PARTS: Final = frozenset({"thinking", "reasoning", "reasoning_text", "thought", "summary_text"})
_IMAGE_PARTS: Final = frozenset({"image_url", "output_image", "input_image", "image"})
_AUDIO_PARTS: Final = frozenset({"audio", "output_audio", "input_audio", "audio_url"})
_FILE_PARTS: Final = frozenset({"file", "output_file", "document", "video", "video_url", "output_video"})
_REFERENCE_PARTS: Final = frozenset({"reference", "tool_reference", "url_citation", "file_citation", "citation"})


@dataclass(slots=True)
class DeltaReader:
    """Reads deltas, and keeps what reaches from one to the next.

    `kinds` are the types of content that have come, `unknown` is the first field that may have brought other content.
    """

    surrogates: SurrogateJoiner = field(default_factory=SurrogateJoiner)
    calls: ToolCalls | None = None
    """The tool calls, once there are any: few responses have them."""
    kinds: tuple[type, ...] = ()
    # Few, so a tuple: a dictionary or a set takes 200 bytes for as long as the response lasts.
    unknown: str | None = None
    response_id: str = ""
    _cited: dict[str, None] | None = None
    """The sources that were cited, once there are any."""
    _refuses: bool = False
    """The model has begun to refuse."""

    def read(self, delta: JsonObject, events: list[UpstreamEvent]) -> None:
        """Append the content of a delta.

        Raises:
            Failed: `unsupported_content`, naming a part that no event can carry.
        """
        google = object_of(object_of(delta.get("extra_content")).get("google"))
        self._read_reasoning(delta, events)
        kind = Reasoning if google.get("thought") is True else Chunk
        if content := delta.get("content"):
            self._read_content(content, kind, events)
        if refusal := text_of(delta.get("refusal")):
            self._append_refusal(refusal, events)
        if signature := text_of(google.get("thought_signature")):
            self._append(SignedReasoning("", signature, "gemini"), events)
        self._read_media(delta, events)
        calls = delta.get("tool_calls")
        for call in [calls] if isinstance(calls, dict) else list_of(calls):
            self._append_call(object_of(call), events)
        if call := object_of(delta.get("function_call")):
            self._append_call({"function": call}, events)
        if self.unknown is None and not self.kinds:
            self.unknown = next((name for name, value in delta.items() if value and name not in _NO_CONTENT), None)

    def _read_media(self, delta: JsonObject, events: list[UpstreamEvent]) -> None:
        """Append images, audio with its transcript, other files, and citations."""
        for image in list_of(delta.get("images")):
            self._append_media("image", image, events)
        for file in (*list_of(delta.get("files")), *list_of(delta.get("videos")), delta.get("video")):
            self._append_media("file", file, events)
        if audio := object_of(delta.get("audio")):
            self._append_text(Chunk, text_of(audio.get("transcript")), events)
            self._append_media("audio", audio, events)
        for annotation in objects_of(delta.get("annotations")):
            self._append_citation(annotation, events)

    def read_message(self, message: JsonObject, events: list[UpstreamEvent], *, repeats: bool) -> None:
        """Append the content of a whole message; if it `repeats` the deltas, only kinds that have not come."""
        come = {name for kind in self.kinds for name in _KIND_FIELDS.get(kind, ())} if repeats else set()
        self.read({name: value for name, value in message.items() if name not in come}, events)

    def read_citations(self, chunk: JsonObject, events: list[UpstreamEvent]) -> None:
        """Append the sources that a chunk lists. Perplexity repeats them in each chunk: each address counts once."""
        for source in (*list_of(chunk.get("search_results")), *list_of(chunk.get("citations"))):
            citation: JsonObject = {"url": source} if isinstance(source, str) else object_of(source)
            url = text_of(citation.get("url"))
            if url and not (self._cited and url in self._cited):
                self._append_citation(citation, events)

    def read_text(self, text: JsonValue, events: list[UpstreamEvent]) -> None:
        """Append the content of a delta that has nothing else, as nearly every one."""
        if not text:
            return
        if type(text) is not str:
            self.read({"content": text}, events)
            return
        complete = text if text.isascii() and not self.surrogates.pending else self.surrogates.join(Chunk.type, text)
        if complete:
            if Chunk not in self.kinds:
                self.kinds += (Chunk,)
            events.append(Chunk(complete))

    def _append(self, event: SignedReasoning | ToolCall | Part, events: list[UpstreamEvent]) -> None:
        self._record_kind(type(event))
        events.append(event)

    def _append_text(self, kind: type[Chunk | Reasoning], text: str | None, events: list[UpstreamEvent]) -> None:
        if text and (complete := self.surrogates.join(kind.type, text)):
            self._record_kind(kind)
            events.append(kind(complete))

    def _record_kind(self, kind: type) -> None:
        if kind not in self.kinds:
            self.kinds += (kind,)

    def _append_refusal(self, text: str, events: list[UpstreamEvent]) -> None:
        if not self._refuses:
            self._refuses = True
            events.append(REFUSAL)
        self._append_text(Chunk, text, events)

    def _append_call(self, call: JsonObject, events: list[UpstreamEvent]) -> None:
        if self.calls is None:
            self.calls = ToolCalls(self.surrogates)
        event = self.calls.read(call, self.response_id)
        if event is not None:
            self._append(event, events)

    def _append_citation(self, citation: JsonObject, events: list[UpstreamEvent]) -> None:
        part = citation_of(citation)
        if self._cited is None:
            self._cited = {}
        self._cited[str(part.fields["url"])] = None
        self._append(part, events)

    def _append_media(self, kind: str, value: JsonValue, events: list[UpstreamEvent]) -> None:
        part = media_of(kind, value)
        if part is not None:
            self._append(part, events)

    def _read_reasoning(self, delta: JsonObject, events: list[UpstreamEvent]) -> None:
        """Append reasoning from the first field that has any, and signatures and encrypted reasoning from all."""
        text = next((text for name in REASONING_FIELDS if (text := _plain_text(delta.get(name)))), "")
        details = objects_of(delta.get("reasoning_details"))
        blocks = objects_of(delta.get("thinking_blocks"))
        self._append_text(Reasoning, text or "".join(map(_plain_text, details or blocks)), events)
        for detail in details:
            self._append_opaque(detail, "openai", events)
        for block in blocks:
            self._append_opaque(block, "anthropic", events)

    def _append_opaque(self, detail: JsonObject, default_format: str, events: list[UpstreamEvent]) -> None:
        """Append the signature or the encrypted content of reasoning, which only its provider can read."""
        name = text_of(detail.get("format")) or default_format
        if signature := text_of(detail.get("signature")):
            self._append(SignedReasoning("", signature, name), events)
        if data := text_of(detail.get("data")):
            self._append(Part("redacted_reasoning", {"data": data, "format": name}), events)

    def _read_content(self, content: JsonValue, kind: type[Chunk | Reasoning], events: list[UpstreamEvent]) -> None:
        if isinstance(content, str):
            self._append_text(kind, content, events)
            return
        for part in content if isinstance(content, list) else [content]:
            if isinstance(part, str):
                self._append_text(kind, part, events)
            elif isinstance(part, dict):
                self._read_part(part, kind, events)

    def _read_part(self, part: JsonObject, kind: type[Chunk | Reasoning], events: list[UpstreamEvent]) -> None:
        name = text_of(part.get("type"))
        if name in _TEXT_PARTS:
            self._append_text(kind, text_of(part.get("text")), events)
            if refusal := text_of(part.get("refusal")):
                self._append_refusal(refusal, events)
        elif name in _REASONING_PARTS:
            self._append_text(Reasoning, _plain_text(part), events)
            self._append_opaque(part, "openai", events)
        elif name == "redacted_thinking":
            self._append_opaque(part, "anthropic", events)
        elif name in _IMAGE_PARTS:
            self._append_media("image", part, events)
        elif name in _AUDIO_PARTS:
            self._append_media("audio", part, events)
        elif name in _FILE_PARTS:
            self._append_media("file", part, events)
        elif name in _REFERENCE_PARTS:
            self._append_citation(part, events)
        else:
            raise unsupported_content(str(name))


def _plain_text(value: JsonValue) -> str:
    """Return the text of reasoning: a string, an object with one, or a list of them."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "".join(map(_plain_text, value))
    if not isinstance(value, dict):
        return ""
    return next((text for name in _PLAIN_TEXTS if (text := _plain_text(value.get(name)))), "")


_PLAIN_TEXTS: Final = ("text", "thinking", "reasoning", "summary", "content")
