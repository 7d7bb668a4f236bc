"""The content of one attempt as parts of a candidate. Pure.

Source: ai.google.dev/api/caching, "Part", and /api/generate-content, "Candidate". Function calls have no pieces there:
a call becomes a part when its arguments are complete.
"""

import orjson
from pydantic import JsonValue

from gateway.dialects.entries import REASONING_AT, TEXT_AT
from gateway.dialects.gemini.calls import Calls
from gateway.dialects.gemini.parts import citation_chunk, logprobs_result, media_part
from gateway.generation.event_log import Entry
from gateway.protocol.commands import JsonObject
from gateway.protocol.events import Chunk, Part, SignedReasoning, ToolCall
from gateway.upstreams.formats.gemini_thoughts import pack


class Content:
    """Turns content into parts, in order. `includes_thoughts`: the client asked for the model's thoughts."""

    def __init__(self, *, includes_thoughts: bool) -> None:
        self.fields: JsonObject = {}
        """Fields of the candidate that belong to the next parts: log probabilities."""
        self._includes_thoughts = includes_thoughts
        self._calls = Calls()
        self._details: list[JsonObject] = []
        """Signed or encrypted reasoning that no part carries yet."""
        self._thoughts = ""
        """Reasoning without a signature so far."""
        self._sources: list[JsonValue] = []

    def __bool__(self) -> bool:
        """Return True if a text can't be projected without regard to what came before it."""
        return bool(self._calls or self.fields)

    def add(self, entry: Entry) -> list[JsonObject]:
        """Add content; return the parts that it completes."""
        if entry.kind is ToolCall:
            self._calls.add(entry.event)
            return []
        parts = self._complete_calls()
        if entry.kind is Chunk:
            parts.append({"text": orjson.loads(entry.data[TEXT_AT:-1])})
        elif entry.kind is Part:
            parts += self._part(entry)
        else:
            parts += self._reasoning(entry)
        return parts

    def finish(self) -> list[JsonObject]:
        """Return the last parts of a whole answer, and put its sources into `fields`."""
        parts = self._complete_calls()
        if self._details:
            parts.append({"text": "", "thoughtSignature": self._take_details()})
        if self._sources:
            self.fields["groundingMetadata"] = {"groundingChunks": self._sources}
        return parts

    def take_fields(self) -> JsonObject:
        """Return `fields`, once."""
        taken, self.fields = self.fields, {}
        return taken

    def _reasoning(self, entry: Entry) -> list[JsonObject]:
        event = entry.event
        if isinstance(event, SignedReasoning):
            shown, text, self._thoughts = event.content, self._thoughts + event.content, ""
            signed = {"signature": event.signature, "format": event.format}
            self._details.append({"type": "reasoning.text", "text": text, **signed})
        else:
            shown = orjson.loads(entry.data[REASONING_AT:-1])
            self._thoughts += shown
        return [{"text": shown, "thought": True}] if shown and self._includes_thoughts else []

    def _part(self, entry: Entry) -> list[JsonObject]:
        part = entry.event
        if not isinstance(part, Part):
            return []
        match part.kind:
            case "citation":
                self._sources.append(citation_chunk(part))
            case "redacted_reasoning":
                self._details.append({"type": "reasoning.encrypted", **part.fields})
            case "logprobs":
                self.fields["logprobsResult"] = logprobs_result(part)
            case _ if (media := media_part(part)) is not None:
                return [media]
        return []

    def _complete_calls(self) -> list[JsonObject]:
        """Return the parts of the calls that are complete. The first one without a signature carries the reasoning."""
        parts = self._calls.complete()
        if self._details and (first := next((part for part in parts if "thoughtSignature" not in part), None)):
            first["thoughtSignature"] = self._take_details()
        return parts

    def _take_details(self) -> str:
        packed, self._details = pack(self._details), []
        return packed
