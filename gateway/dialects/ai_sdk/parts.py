"""Build the chunks of content that is neither text nor a call: media, sources, sealed reasoning. Pure."""

from collections.abc import Mapping
from typing import Final

from pydantic import JsonValue

from gateway.dialects.ai_sdk.writer import chunk, own_metadata, signal
from gateway.dialects.base import ProjectedEvent
from gateway.protocol.commands import JsonObject
from gateway.protocol.events import Part

_UNKNOWN_TYPES: Final[Mapping[str, str]] = {"image": "image/png", "audio": "audio/wav"}
"""Media types of media without one, by kind: a file chunk needs one."""

_SEALED: Final = ("data", "format", "id")


def media(part: Part) -> ProjectedEvent:
    """Return the chunk of an image, audio or a file, with its address or with its data as one (RFC 2397)."""
    named = part.fields.get("media_type")
    media_type = str(named) if named else _UNKNOWN_TYPES.get(part.kind, "application/octet-stream")
    address = part.fields.get("url")
    url = str(address) if address else f"data:{media_type};base64,{part.fields.get('data', '')}"
    return chunk("file", url=url, mediaType=media_type)


def source(part: Part, number: int) -> ProjectedEvent:
    """Return the chunk of a citation: of a page, or of a document if it has no address."""
    url, title, text = (part.fields.get(name) for name in ("url", "title", "text"))
    metadata: JsonValue = dict(own_metadata({"text": text})) if text else None
    source_id = f"source-{number}"
    if url:
        return chunk("source-url", sourceId=source_id, url=url, title=title, providerMetadata=metadata)
    name = title or "Document"
    return chunk("source-document", sourceId=source_id, mediaType="text/plain", title=name, providerMetadata=metadata)


def sealed_reasoning(part: Part) -> JsonObject:
    """Return the `providerMetadata` of reasoning that only its provider can read."""
    return own_metadata({name: part.fields.get(name) for name in _SEALED})


def server_tool(part: Part) -> ProjectedEvent:
    """Return the signal of a tool that the provider ran itself."""
    return signal("server-tool", {"name": part.fields.get("name"), "block": part.fields.get("block")})
