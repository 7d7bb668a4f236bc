"""Build the parts of chat completions from the shapes in which servers send media and citations. Pure."""

from collections.abc import Iterator
from typing import Final

from pydantic import JsonValue

from gateway.protocol.commands import JsonObject
from gateway.protocol.events import Part
from gateway.upstreams.formats.json_values import list_of, object_of, text_of
from gateway.upstreams.formats.parts import citation_part, media_part

FORMAT: Final = "openai"
"""Name of this format in citations."""

_MEDIA_FIELDS: Final = (
    *("image_url", "image", "source", "input_audio", "audio", "audio_url", "file", "video_url", "video", "document"),
)
_DATA_FIELDS: Final = ("data", "b64_json", "image_base64", "base64", "file_data")
_URL_FIELDS: Final = ("url", "image_url", "audio_url", "video_url", "file_url", "image", "video")


def media_of(kind: str, value: JsonValue) -> Part | None:
    """Return a part with the data or the address of an image, of audio or of a file; None if there is neither."""
    media_type: str | None = None
    for fields in _levels(value):
        own_type = _first_text(fields, ("media_type", "mime_type"))
        if not own_type and kind == "audio" and (name := text_of(fields.get("format"))):
            own_type = f"audio/{name}"
        media_type = own_type or media_type
        data, url = _first_text(fields, _DATA_FIELDS), _first_text(fields, _URL_FIELDS)
        if part := media_part(media_type, data=data, url=url, kind=kind):
            return part
    return None


def citation_of(citation: JsonObject) -> Part:
    """Return a citation, whose fields may stand in an object under the name of its type."""
    fields = {**citation, **object_of(citation.get(text_of(citation.get("type")) or "url_citation"))}
    ids = ", ".join(map(str, list_of(fields.get("reference_ids"))))
    text = _first_text(fields, ("content", "snippet")) or ids
    title = _first_text(fields, ("title", "filename"))
    return citation_part(fields.get("url"), title, text, source=citation, wire_format=FORMAT)


def _first_text(fields: JsonObject, names: tuple[str, ...]) -> str:
    return next((text for name in names if (text := text_of(fields.get(name)))), "")


def _levels(value: JsonValue) -> Iterator[JsonObject]:
    """Yield the object of a medium and those inside it, where its data may stand."""
    if isinstance(value, str):
        yield {"url": value}
    elif isinstance(value, dict):
        yield value
        for name in _MEDIA_FIELDS:
            if isinstance(inner := value.get(name), dict):
                yield inner
