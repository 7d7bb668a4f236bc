"""Blocks of a request's content in OpenAI's form."""

import pytest
from pydantic import JsonValue

from gateway.dialects.anthropic.blocks import content_of, text_or_parts
from gateway.protocol.commands import JsonObject
from gateway.protocol.errors import Refused

PNG: JsonObject = {"type": "base64", "media_type": "image/png", "data": "AAAA"}


@pytest.mark.parametrize(
    ("block", "parts"),
    [
        ({"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}, [{"type": "text", "text": "a"}]),
        ({"type": "text", "text": ""}, []),
        (
            {"type": "image", "source": PNG},
            [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}],
        ),
        (
            {"type": "image", "source": {"type": "url", "url": "https://a.example"}},
            [{"type": "image_url", "image_url": {"url": "https://a.example"}}],
        ),
        (
            {"type": "document", "title": "A", "source": {**PNG, "media_type": "application/pdf"}},
            [{"type": "file", "file": {"filename": "A", "file_data": "data:application/pdf;base64,AAAA"}}],
        ),
        (
            {"type": "document", "title": "A", "source": {"type": "text", "media_type": "text/plain", "data": "b"}},
            [{"type": "text", "text": "A"}, {"type": "text", "text": "b"}],
        ),
        (
            {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "b"}]}},
            [{"type": "text", "text": "b"}],
        ),
        (
            {"type": "search_result", "source": "s", "title": "T", "content": [{"type": "text", "text": "b"}]},
            [{"type": "text", "text": "T (s)"}, {"type": "text", "text": "b"}],
        ),
        ({"type": "web_search_tool_result", "content": []}, []),
        ({"type": "tool_reference", "tool_name": "f"}, []),
    ],
)
def test_blocks(block: JsonObject, parts: list[JsonObject]) -> None:
    untranslated: list[str] = []
    assert content_of([block], "content", untranslated) == parts
    assert untranslated == []


@pytest.mark.parametrize(
    ("block", "named"),
    [
        ({"type": "container_upload", "file_id": "f"}, "content[0] (container_upload)"),
        ({"type": "image", "source": {"type": "file", "file_id": "f"}}, "content[0].source (file)"),
        ({"type": "hologram"}, "content[0] (hologram)"),
    ],
)
def test_what_only_this_api_has_is_named(block: JsonObject, named: str) -> None:
    untranslated: list[str] = []
    assert content_of([block], "content", untranslated) == []
    assert untranslated == [named]


@pytest.mark.parametrize(
    ("content", "param"),
    [
        (1, "content"),
        ([1], "content[0]"),
        ([{"text": "a"}], "content[0].type"),
        ([{"type": "text"}], "content[0].text"),
        ([{"type": "image", "source": {"type": "base64"}}], "content[0].source"),
    ],
)
def test_malformed_content(content: JsonValue, param: str) -> None:
    with pytest.raises(Refused) as refused:
        content_of(content, "content", [])
    assert refused.value.param == param


def test_texts_alone_are_one_text() -> None:
    assert text_or_parts([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]) == "a\n\nb"
    assert text_or_parts([{"type": "image_url"}]) == [{"type": "image_url"}]
