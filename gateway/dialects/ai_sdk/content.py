"""The content of a log as chunks: text and reasoning in parts that begin and end, calls, media, sources. Pure."""

from gateway.dialects.ai_sdk import parts
from gateway.dialects.ai_sdk.calls import Calls
from gateway.dialects.ai_sdk.writer import TextKind, chunk, delta_prefix, own_metadata
from gateway.dialects.base import ProjectedEvent
from gateway.dialects.entries import REASONING_AT, TEXT_AT
from gateway.generation.event_log import Entry
from gateway.protocol.commands import JsonObject
from gateway.protocol.events import Chunk, Part, Reasoning, SignedReasoning, ToolCall


class Content:
    """Builds the chunks of content, and keeps which part is open."""

    def __init__(self) -> None:
        self.calls = Calls()
        self.text_prefix = b""
        """What stands before the next piece of the open text; b"" if no text is open."""
        self._open: TextKind | None = None
        self._number = 0
        """Number of parts with an id so far."""
        self._sources: set[str] = set()
        self._source_count = 0
        self._refuses = False
        """The next text is the model's refusal."""

    def add(self, entry: Entry) -> list[ProjectedEvent]:
        """Return the chunks of an entry with content."""
        if entry.kind is Chunk:
            return [*self._begin("text"), ProjectedEvent(self.text_prefix + entry.data[TEXT_AT:])]
        if entry.kind is Reasoning:
            begun = self._begin("reasoning")
            return [*begun, ProjectedEvent(delta_prefix("reasoning", self._id) + entry.data[REASONING_AT:])]
        match entry.event:
            case SignedReasoning() as signed:
                return self._sign(signed)
            case ToolCall() as call:
                return [*self.close(), *self.calls.add(call)]
            case Part() as part:
                return self._part(part)
        return []

    def close(self, metadata: JsonObject | None = None) -> list[ProjectedEvent]:
        """Return the end of the open part, if one is open."""
        kind, self._open, self.text_prefix = self._open, None, b""
        return [] if kind is None else [chunk(f"{kind}-end", id=self._id, providerMetadata=metadata)]

    def forget(self) -> None:
        """Forget all content: another text replaces it."""
        self._open, self.text_prefix, self._refuses = None, b"", False
        self._sources.clear()
        self.calls.forget()

    @property
    def _id(self) -> str:
        return str(self._number)

    def _begin(self, kind: TextKind) -> list[ProjectedEvent]:
        """Return the chunks with which a part of this kind is open."""
        if self._open == kind:
            return []
        events = self.close()
        self._number += 1
        self._open = kind
        metadata: JsonObject | None = None
        if kind == "text":
            self.text_prefix = delta_prefix("text", self._id)
            metadata = own_metadata({"refusal": True}) if self._refuses else None
        return [*events, chunk(f"{kind}-start", id=self._id, providerMetadata=metadata)]

    def _sign(self, signed: SignedReasoning) -> list[ProjectedEvent]:
        """Return the chunks of a signature, which ends the reasoning that it signs."""
        events = self._begin("reasoning")
        if signed.content:
            events.append(chunk("reasoning-delta", id=self._id, delta=signed.content))
        return [*events, *self.close(own_metadata({"signature": signed.signature, "format": signed.format}))]

    def _part(self, part: Part) -> list[ProjectedEvent]:
        match part.kind:
            case "image" | "audio" | "file":
                return [parts.media(part)]
            case "citation":
                return self._cite(part)
            case "redacted_reasoning":
                return [*self.close(), *self._begin("reasoning"), *self.close(parts.sealed_reasoning(part))]
            case "server_tool":
                return [parts.server_tool(part)]
            case "refusal":
                self._refuses = True
                return self.close()
        return []

    def _cite(self, part: Part) -> list[ProjectedEvent]:
        """Return the chunk of a source, once for each: the SDK's sources belong to the message, and not to a place."""
        key = f"{part.fields.get('url')}\n{part.fields.get('title')}"
        if key in self._sources:
            return []
        self._sources.add(key)
        self._source_count += 1
        return [parts.source(part, self._source_count)]
