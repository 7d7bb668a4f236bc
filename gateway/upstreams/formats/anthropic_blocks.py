"""Blocks of Anthropic's Messages API that are neither text nor calls for the client, and citations. Pure.

Sources: docs.anthropic.com, "Web search tool", "Code execution tool", "MCP connector", "Citations".
"""

from dataclasses import dataclass, field

from pydantic import JsonValue

from gateway.protocol.commands import JsonObject
from gateway.protocol.errors import Code, Failed
from gateway.protocol.events import Part
from gateway.upstreams.formats.json_values import decode, object_of, repair_surrogates, text_of
from gateway.upstreams.formats.parts import citation_part, media_part, server_tool_part

_MEDIA = {"image": "image", "document": "file"}
"""Kinds of parts by the types of their blocks."""


MAX_BLOCK_CHARS = 16 << 20
"""Maximum characters of a block that is collected: until it ends, no other limit sees it."""


@dataclass(slots=True)
class OtherBlock:
    """A block that is collected until it ends. `json` are the pieces of its input, `texts` those of its other texts."""

    block: JsonObject
    json: list[str] = field(default_factory=list)
    texts: dict[str, list[str]] = field(default_factory=dict)
    _size: int = 0

    def add_json(self, text: str) -> None:
        """Add a piece of its input.

        Raises:
            Failed: `event_too_large`.
        """
        self._count(text)
        self.json.append(text)

    def add(self, delta: JsonObject) -> None:
        """Add a delta of any kind: texts are joined, anything else replaces what was there.

        Raises:
            Failed: `event_too_large`.
        """
        for name, value in delta.items():
            if name == "type":
                continue
            if isinstance(value, str) and isinstance(self.block.get(name), str):
                self._count(value)
                self.texts.setdefault(name, []).append(value)
            else:
                self.texts.pop(name, None)
                self.block[name] = value

    def _count(self, text: str) -> None:
        self._size += len(text)
        if self._size > MAX_BLOCK_CHARS:
            message = f"The provider sent a block of more than {MAX_BLOCK_CHARS} characters."
            raise Failed(Code.EVENT_TOO_LARGE, message)

    def part(self, server_tools: dict[str, str]) -> Part:
        """Return the complete block. `server_tools` are the names of the tools of earlier blocks by their ids."""
        joined = {name: f"{self.block[name]}{''.join(pieces)}" for name, pieces in self.texts.items()}
        block, kind = {**self.block, **joined}, str(self.block.get("type"))
        source = object_of(block.get("source"))
        if kind in _MEDIA and (
            part := media_part(
                source.get("media_type"), data=source.get("data"), url=source.get("url"), kind=_MEDIA[kind]
            )
        ):
            return part
        if self.json:
            block = {**block, "input": _parse("".join(self.json))}
        name = text_of(block.get("name")) or server_tools.get(str(block.get("tool_use_id")), kind)
        server_tools[str(block.get("id"))] = name
        return server_tool_part(name, block)


def citation_of(value: JsonValue) -> Part:
    """Return a citation of a web page, a search result or a document."""
    citation = object_of(value)
    url = citation.get("url") or citation.get("source")
    return citation_part(url, citation.get("title") or citation.get("document_title"), citation.get("cited_text"))


def _parse(text: str) -> JsonValue:
    """Return the object of JSON text, or the text if it is none."""
    try:
        return decode(text.encode("utf-8", "surrogatepass"))
    except Failed:
        return repair_surrogates(text)
