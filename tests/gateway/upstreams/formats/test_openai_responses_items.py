"""Complete items of the Responses API."""

import pytest

from gateway.protocol.commands import JsonObject
from gateway.protocol.errors import Failed
from gateway.protocol.events import Part
from gateway.upstreams.formats.openai_responses_items import media_of, part_of_item, texts_of


def test_the_texts_of_an_item() -> None:
    item: JsonObject = {
        "summary": [{"type": "summary_text", "text": "s"}],
        "content": [
            {"type": "reasoning_text", "text": "r"},
            {"type": "output_text", "text": "t"},
            {"type": "text"},
            {"type": "refusal", "refusal": "n"},
            {"type": "output_audio", "transcript": "a", "data": "AA"},
            "x",
        ],
    }
    assert texts_of(item) == {
        "summary": ["s"],
        "reasoning": ["r"],
        "text": ["t"],
        "refusal": ["n"],
        "transcript": ["a"],
    }


def test_a_part_of_an_unknown_kind_is_named() -> None:
    with pytest.raises(Failed, match="hologram"):
        texts_of({"content": [{"type": "hologram", "x": 1}]})


@pytest.mark.parametrize(
    ("part", "media"),
    [
        (
            {"type": "output_image", "image_url": "data:image/png;base64,AA"},
            Part("image", {"media_type": "image/png", "data": "AA"}),
        ),
        ({"type": "output_audio", "data": "AA"}, Part("audio", {"media_type": None, "data": "AA"})),
        ({"type": "output_text", "text": "t"}, None),
    ],
)
def test_media_in_a_message(part: JsonObject, media: Part | None) -> None:
    assert media_of(part) == media


def test_items_that_are_neither_text_nor_a_call() -> None:
    image: JsonObject = {"type": "image_generation_call", "result": "AA", "output_format": "webp"}
    assert part_of_item("image_generation_call", image) == Part("image", {"media_type": "image/webp", "data": "AA"})
    assert part_of_item("web_search_call", {"id": "ws"}).fields == {"name": "web_search_call", "block": {"id": "ws"}}
    with pytest.raises(Failed, match="computer_call"):
        part_of_item("computer_call", {})
