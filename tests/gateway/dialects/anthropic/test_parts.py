"""Parts of an answer as blocks."""

import pytest

from gateway.dialects.anthropic.parts import signature_of
from gateway.protocol.commands import JsonObject
from gateway.protocol.events import Chunk, Part
from gateway.upstreams.formats.sealed_reasoning import unseal
from tests.gateway.dialects.anthropic.projected import STARTED, complete, message_of


def block_of(part: Part) -> JsonObject:
    """Return the one block of a part."""
    content = message_of([STARTED, part, complete()])["content"]
    assert isinstance(content, list)
    assert len(content) == 1
    assert isinstance(content[0], dict)
    return content[0]


def test_a_citation_belongs_to_the_text() -> None:
    citation = Part("citation", {"url": "https://a.example", "title": "A", "text": "cited"})
    assert message_of([STARTED, Chunk("text"), citation, complete()])["content"] == [
        {
            "type": "text",
            "text": "text",
            "citations": [
                {
                    "type": "web_search_result_location",
                    "url": "https://a.example",
                    "title": "A",
                    "cited_text": "cited",
                    "encrypted_index": "",
                }
            ],
        }
    ]


def test_a_citation_without_an_address() -> None:
    block = block_of(Part("citation", {"url": None, "title": "A", "text": None}))
    assert block["citations"][0]["type"] == "search_result_location"  # type: ignore[index, call-overload]


def test_a_citation_of_this_api_is_whole() -> None:
    source: JsonObject = {"type": "char_location", "cited_text": "a", "document_index": 0}
    block = block_of(Part("citation", {"url": None, "format": "anthropic", "source": source}))
    assert block["citations"] == [source]


def test_what_another_provider_encrypted_names_it() -> None:
    block = block_of(Part("redacted_reasoning", {"data": "x", "format": "openai-responses", "id": "rs_1"}))
    assert unseal(str(block["data"])) == {"format": "openai-responses", "data": "x", "id": "rs_1"}
    assert signature_of("x", "anthropic") == "x"
    assert unseal(signature_of("x", "gemini")) == {"format": "gemini", "signature": "x"}


@pytest.mark.parametrize(
    ("part", "block"),
    [
        (
            Part("image", {"media_type": "image/png", "data": "AAAA"}),
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
        ),
        (
            Part("file", {"media_type": None, "url": "https://a.example"}),
            {"type": "document", "source": {"type": "url", "url": "https://a.example"}},
        ),
        (
            Part("server_tool", {"name": "web", "block": {"type": "server_tool_use", "id": "s", "input": {"q": "a"}}}),
            {"type": "server_tool_use", "id": "s", "input": {"q": "a"}},
        ),
        (
            Part("server_tool", {"name": "web", "block": {"type": "web_search_tool_result", "content": []}}),
            {"type": "web_search_tool_result", "content": []},
        ),
    ],
)
def test_parts_with_a_block(part: Part, block: JsonObject) -> None:
    assert block_of(part) == block


def test_what_has_no_block_is_left_out() -> None:
    parts = [Part("audio", {"data": "x"}), Part("server_tool", {"name": "x", "block": {"type": "web_search_call"}})]
    assert message_of([STARTED, *parts, complete()])["content"] == []
