"""Parts of a request's content in OpenAI's form. Pure (docs.ag-ui.com/spec/1.0, "Content parts").

The part `binary` is that of AG-UI before 1.0.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from pydantic import JsonValue

from gateway.dialects.fields import malformed, objects_at, text_at
from gateway.protocol.commands import JsonObject

_AUDIO_FORMATS: Final[Mapping[str, str]] = {
    "audio/mpeg": "mp3",
    "audio/mp3": "mp3",
    "audio/wav": "wav",
    "audio/wave": "wav",
    "audio/x-wav": "wav",
}
"""Names of audio formats in OpenAI's API by media type; others are named by their subtype."""

_KINDS: Final = ("image", "audio", "video", "document")


def parts_of(content: JsonValue, path: str) -> list[JsonObject]:
    """Return the parts of a content: a text, or parts. Empty text is left out.

    Raises:
        Refused: it has another form.
    """
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    parts = objects_at(content, path)
    return [translated for at, part in enumerate(parts) for translated in _part(part, f"{path}[{at}]")]


def text_or_parts(parts: Sequence[JsonObject], separator: str = "\n\n") -> JsonValue:
    """Return parts as a content: a text alone if they are nothing else, which every server takes."""
    if all(part["type"] == "text" for part in parts):
        return separator.join(str(part["text"]) for part in parts)
    return [*parts]


def _part(part: JsonObject, path: str) -> Sequence[JsonObject]:
    match part.get("type"):
        case "text":
            text = text_at(part.get("text"), f"{path}.text")
            return [{"type": "text", "text": text}] if text else []
        case str() as kind if kind in _KINDS:
            return [_medium(kind, part.get("source"), f"{path}.source")]
        case "binary":
            return [_binary(part, path)]
    raise malformed(f"{path}.type", "must be one of: text, image, audio, video, document")


def _medium(kind: str, source: JsonValue, path: str) -> JsonObject:
    match source:
        case {"type": "data", "value": str() as data, "mimeType": str() as media_type}:
            return _inline(kind, data, media_type)
        case {"type": "url", "value": str() as url}:
            return _linked(kind, url)
        case {"type": "file", "value": str() as file_id} if kind == "document":
            return {"type": "file", "file": {"file_id": file_id}}
        case {"type": "file"}:
            raise malformed(path, "of type file can't be given to the model: send data, or a url")
    raise malformed(path, "must be a source of type data or url, with its value, and with the mimeType of data")


def _inline(kind: str, data: str, media_type: str) -> JsonObject:
    if kind == "audio":
        audio_format = _AUDIO_FORMATS.get(media_type, media_type.rpartition("/")[2])
        return {"type": "input_audio", "input_audio": {"data": data, "format": audio_format}}
    return _linked(kind, f"data:{media_type};base64,{data}")


def _linked(kind: str, url: str) -> JsonObject:
    if kind == "document":
        return {"type": "file", "file": {"filename": "document.pdf", "file_data": url}}
    return {"type": f"{kind}_url", f"{kind}_url": {"url": url}}


def _binary(part: JsonObject, path: str) -> JsonObject:
    media_type = text_at(part.get("mimeType"), f"{path}.mimeType")
    family = media_type.partition("/")[0]
    kind = family if family in _KINDS else "document"
    match part:
        case {"data": str() as data}:
            return _inline(kind, data, media_type)
        case {"url": str() as url}:
            return _linked(kind, url)
    raise malformed(path, "must have data, or a url")
