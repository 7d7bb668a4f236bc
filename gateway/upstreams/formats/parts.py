"""Build the parts of an answer that are not text: media and citations, alike for all wire formats. Pure."""

from typing import Final

from pydantic import JsonValue

from gateway.protocol.commands import JsonObject
from gateway.protocol.errors import Code, Failed
from gateway.protocol.events import Part
from gateway.upstreams.formats.json_values import repair_surrogates, text_of
from gateway.upstreams.sanitize import sanitize_token

_MEDIA_KINDS = frozenset({"image", "audio"})


def media_part(
    media_type: JsonValue, *, data: JsonValue = None, url: JsonValue = None, kind: str = "file"
) -> Part | None:
    """Return an image, audio or a file, by its media type or else of this kind; None without data and without a URL.

    A `data:` URL in base64, in either of the two, is split into its media type and its data.
    """
    name, text, address = text_of(media_type), text_of(data), text_of(url)
    if (content := text or address or "").startswith("data:"):
        head, separator, inline = content.partition(";base64,")
        if separator:
            name, text = head.removeprefix("data:").partition(";")[0] or name, inline
    if not (text or address):
        return None
    family = (name or "").partition("/")[0]
    return Part(
        family if family in _MEDIA_KINDS else kind,
        {"media_type": name or None, **({"data": text} if text else {"url": address})},
    )


def unsupported_content(name: str) -> Failed:
    """Return the failure of an answer with content that clients can't be given. It names the content."""
    message = f"The provider's answer contains {sanitize_token(name)}, which can't be passed on."
    return Failed(Code.UNSUPPORTED_CONTENT, message)


REFUSAL: Final = Part("refusal", {})
"""Stands before the first text with which the model refuses."""


def citation_part(
    url: JsonValue = None, title: JsonValue = None, text: JsonValue = None, *, source: JsonObject, wire_format: str
) -> Part:
    """Return a citation; what the provider does not name is None. `source` is the citation as the provider sent it."""
    named: JsonObject = {"url": text_of(url) or None, "title": text_of(title) or None, "text": text_of(text) or None}
    return Part("citation", {**named, "format": wire_format, "source": encodable(source)})


def server_tool_part(name: str, block: JsonValue) -> Part:
    """Return a tool that the provider ran itself, or another block that means something to its own clients alone."""
    return Part("server_tool", {"name": repair_surrogates(name), "block": encodable(block)})


def encodable(value: JsonValue) -> JsonValue:
    """Return a value from a provider's JSON that can be encoded: whole characters, and no integer over 64 bits."""
    if isinstance(value, str):
        return repair_surrogates(value)
    if isinstance(value, list):
        return [encodable(item) for item in value]
    if isinstance(value, dict):
        return {repair_surrogates(name): encodable(item) for name, item in value.items()}
    is_large = isinstance(value, int) and not -(2**63) <= value < 2**63
    return str(value) if is_large else value
