"""Blocks of Anthropic's Messages API that are neither text nor calls for the client, and citations. Pure.

Sources: docs.anthropic.com, "Web search tool", "Code execution tool", "MCP connector", "Citations".
"""

from dataclasses import dataclass, field

from pydantic import JsonValue

from gateway.protocol.commands import JsonObject
from gateway.protocol.errors import Code, Failed
from gateway.protocol.events import Part
from gateway.upstreams.base import MAX_EVENT_BYTES
from gateway.upstreams.formats.json_values import decode, object_of, repair_surrogates, text_of
from gateway.upstreams.formats.parts import citation_part, media_part, server_tool_part

FORMAT = "anthropic"
"""Name of this format in signatures, redacted reasoning and citations."""

_MEDIA = {"image": "image", "document": "file"}
"""Kinds of parts by the types of their blocks."""


@dataclass(slots=True)
class OtherBlock:
    """A block that is collected until it ends."""

    block: JsonObject
    _texts: dict[str, list[str]] = field(default_factory=dict)
    """Pieces of the texts that deltas have continued, by the name of the field."""
    _input: list[str] = field(default_factory=list)
    """Pieces of its input as JSON."""
    _length: int = 0

    def add(self, delta: JsonObject) -> None:
        """Add a delta of any kind: texts are joined, anything else replaces what was there.

        Raises:
            Failed: `event_too_large`.
        """
        for name, value in delta.items():
            before = self.block.get(name)
            if name == "type":
                continue
            if isinstance(value, str) and isinstance(before, str):
                self._count(value)
                self._texts.setdefault(name, [before]).append(value)
            else:
                self.block[name] = value
                self._texts.pop(name, None)

    def add_input(self, text: str) -> None:
        """Add a piece of its input.

        Raises:
            Failed: `event_too_large`.
        """
        self._count(text)
        self._input.append(text)

    def _count(self, text: str) -> None:
        # Until it ends, a block counts towards no other limit: clients get it as one event.
        self._length += len(text)
        if self._length > MAX_EVENT_BYTES:
            message = f"The provider sent a block of more than {MAX_EVENT_BYTES} characters."
            raise Failed(Code.EVENT_TOO_LARGE, message)

    def part(self, server_tools: dict[str, str]) -> Part:
        """Return the complete block. `server_tools` are the names of the tools of earlier blocks by their ids."""
        block: JsonObject = {**self.block, **{name: "".join(pieces) for name, pieces in self._texts.items()}}
        kind = str(block.get("type"))
        source = object_of(block.get("source"))
        if kind in _MEDIA and (
            part := media_part(
                source.get("media_type"), data=source.get("data"), url=source.get("url"), kind=_MEDIA[kind]
            )
        ):
            return part
        if self._input:
            block["input"] = _parse("".join(self._input))
        name = text_of(block.get("name")) or server_tools.get(str(block.get("tool_use_id")), kind)
        server_tools[str(block.get("id"))] = name
        return server_tool_part(name, block)


def citation_of(value: JsonValue) -> Part:
    """Return a citation of a web page, a search result or a document."""
    citation = object_of(value)
    url = citation.get("url") or citation.get("source")
    title = citation.get("title") or citation.get("document_title")
    return citation_part(url, title, citation.get("cited_text"), source=citation, wire_format=FORMAT)


def _parse(text: str) -> JsonValue:
    """Return the object of JSON text, or the text if it is none."""
    try:
        return decode(text.encode("utf-8", "surrogatepass"))
    except Failed:
        return repair_surrogates(text)
