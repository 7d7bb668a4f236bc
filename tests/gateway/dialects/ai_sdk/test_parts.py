"""Chunks of media and sources."""

import orjson
import pytest
from pydantic import JsonValue

from gateway.dialects.ai_sdk.parts import media, sealed_reasoning, server_tool, source
from gateway.protocol.events import Part


@pytest.mark.parametrize(
    ("kind", "fields", "url", "media_type"),
    [
        ("image", {"media_type": "image/webp", "data": "AA=="}, "data:image/webp;base64,AA==", "image/webp"),
        ("image", {"media_type": None, "data": "AA=="}, "data:image/png;base64,AA==", "image/png"),
        ("file", {"media_type": None, "url": "https://a.example/f"}, "https://a.example/f", "application/octet-stream"),
    ],
)
def test_media_have_an_address_and_a_type(kind: str, fields: dict[str, JsonValue], url: str, media_type: str) -> None:
    found = orjson.loads(media(Part(kind, fields)).data)
    assert found == {"type": "file", "url": url, "mediaType": media_type}


def test_a_page_is_a_source_with_its_address() -> None:
    found = orjson.loads(
        source(Part("citation", {"url": "https://a.example/", "title": None, "text": "cited"}), 3).data
    )
    assert found == {
        "type": "source-url",
        "sourceId": "source-3",
        "url": "https://a.example/",
        "providerMetadata": {"dualstream": {"text": "cited"}},
    }


def test_a_document_is_a_source_with_a_title() -> None:
    found = orjson.loads(source(Part("citation", {"url": None, "title": None, "text": None}), 1).data)
    assert found == {"type": "source-document", "sourceId": "source-1", "mediaType": "text/plain", "title": "Document"}


def test_sealed_reasoning_keeps_what_its_provider_needs() -> None:
    assert sealed_reasoning(Part("redacted_reasoning", {"data": "x", "format": "openai", "more": 1})) == {
        "dualstream": {"data": "x", "format": "openai"}
    }


def test_a_tool_of_the_provider_is_a_signal() -> None:
    found = orjson.loads(server_tool(Part("server_tool", {"name": "web_search", "block": {"a": 1}})).data)
    assert found == {
        "type": "data-dualstream-server-tool",
        "data": {"name": "web_search", "block": {"a": 1}},
        "transient": True,
    }
