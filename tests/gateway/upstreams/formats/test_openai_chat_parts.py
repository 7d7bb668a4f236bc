"""Media and citations of chat completions, in the shapes of different servers."""

import pytest
from pydantic import JsonValue

from gateway.protocol.commands import JsonObject
from gateway.upstreams.formats.openai_chat_parts import citation_of, media_of


@pytest.mark.parametrize(
    ("kind", "value", "part"),
    [
        ("image", "data:image/png;base64,AA", ("image", {"media_type": "image/png", "data": "AA"})),
        ("image", {"image_url": {"url": "https://a"}}, ("image", {"media_type": None, "url": "https://a"})),
        ("image", {"b64_json": "data:image/webp;base64,AA"}, ("image", {"media_type": "image/webp", "data": "AA"})),
        ("file", {"mime_type": "image/png", "data": "AA"}, ("image", {"media_type": "image/png", "data": "AA"})),
        ("file", {"file": {"file_data": "AA"}}, ("file", {"media_type": None, "data": "AA"})),
        ("audio", {"format": "mp3", "data": "AA"}, ("audio", {"media_type": "audio/mp3", "data": "AA"})),
    ],
)
def test_a_medium(kind: str, value: JsonValue, part: tuple[str, JsonObject]) -> None:
    found = media_of(kind, value)
    assert found is not None
    assert (found.kind, found.fields) == part


@pytest.mark.parametrize("value", [None, 7, "", {}, {"url": ""}, {"image_url": {"detail": "low"}}])
def test_nothing_is_no_medium(value: JsonValue) -> None:
    assert media_of("image", value) is None


@pytest.mark.parametrize(
    ("citation", "fields"),
    [
        ({"type": "url_citation", "url_citation": {"url": "u", "title": "t"}}, ("u", "t", None)),
        ({"type": "file_citation", "file_citation": {"filename": "f"}}, (None, "f", None)),
        ({"url": "u", "snippet": "s"}, ("u", None, "s")),
        ({"type": "reference", "reference_ids": [1, 2]}, (None, None, "1, 2")),
    ],
)
def test_a_citation(citation: JsonObject, fields: tuple[str | None, ...]) -> None:
    *named, wire_format, source = citation_of(citation).fields.values()
    assert (tuple(named), wire_format, source) == (fields, "openai", citation)
