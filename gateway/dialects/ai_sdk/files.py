"""Convert files that a person attaches to parts of a message in the form of chat completions. Pure.

A file is a `data:` URL, as the SDK makes of what was chosen in the page, or the address of one.
"""

import binascii
from base64 import b64decode
from typing import Final
from urllib.parse import unquote_to_bytes

from gateway.dialects.fields import malformed, text_at
from gateway.protocol.commands import JsonObject

_AUDIO_FORMATS: Final = {"wav": "wav", "x-wav": "wav", "wave": "wav", "mp3": "mp3", "mpeg": "mp3"}
"""Formats of `input_audio`, by the subtype of a media type."""

_TEXT_TYPES: Final = frozenset({"application/json", "application/xml", "application/x-ndjson", "application/yaml"})
"""Media types of text outside of `text/*`."""

_MAX_ESCAPES: Final = 100_000
"""Maximum percent escapes of a `data:` URL: decoding each takes about a microsecond, in which nothing else happens."""


def file_part(part: JsonObject, path: str) -> JsonObject:
    """Return the content part of a file.

    Raises:
        Refused: it has no address that a server can read.
    """
    url = text_at(part.get("url"), f"{path}.url")
    media_type = text_at(part.get("mediaType", part.get("mimeType")), f"{path}.mediaType").lower()
    if not url.startswith(("data:", "https://", "http://")):
        raise malformed(f"{path}.url", "must be a data: or https: URL; a blob: URL can be read in its page only")
    family, _, subtype = media_type.partition(";")[0].strip().partition("/")
    named = part.get("filename")
    name = named if isinstance(named, str) and named else ""
    if family == "image":
        return {"type": "image_url", "image_url": {"url": url}}
    if family == "audio":
        return _audio(url, subtype)
    if family == "video":
        return {"type": "video_url", "video_url": {"url": url}}
    if url.startswith("data:") and (family == "text" or f"{family}/{subtype}" in _TEXT_TYPES):
        return {"type": "text", "text": _attached_text(url, name, path)}
    return {"type": "file", "file": {"filename": name or f"file.{subtype or 'bin'}", "file_data": url}}


def _audio(url: str, subtype: str) -> JsonObject:
    head, _, data = url.partition(";base64,")
    if head.startswith("data:") and data and subtype in _AUDIO_FORMATS:
        return {"type": "input_audio", "input_audio": {"data": data, "format": _AUDIO_FORMATS[subtype]}}
    return {"type": "audio_url", "audio_url": {"url": url}}


def _attached_text(url: str, name: str, path: str) -> str:
    """Return the text of a file: models read it as a part of the message, and few providers take such files."""
    head, _, data = url.partition(",")
    if data.count("%") > _MAX_ESCAPES:
        raise malformed(f"{path}.url", "must be in base64: it has too many percent escapes")
    try:
        decoded = b64decode(data, validate=True) if head.endswith(";base64") else unquote_to_bytes(data)
        text = decoded.decode()
    except (binascii.Error, UnicodeDecodeError):
        raise malformed(f"{path}.url", "must contain text in UTF-8, as its media type says") from None
    return f"{name}:\n\n{text}" if name else text
