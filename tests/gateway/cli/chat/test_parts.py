"""Descriptions of parts."""

import pytest

from gateway.cli.chat.parts import describe_part
from gateway.protocol.events import Part


def test_log_probabilities_are_not_shown() -> None:
    assert describe_part(Part("logprobs", {"tokens": []})) == ""


@pytest.mark.parametrize(
    ("part", "line"),
    [
        (Part("image", {"media_type": "image/png", "data": "aGk="}), "image (image/png, 3 bytes), which a terminal"),
        (Part("file", {"media_type": None, "url": "https://e.x/a\x1b.pdf"}), "file (https://e.x/a␛.pdf), which"),
        (Part("citation", {"url": "https://e.x", "title": "Sky", "text": None}), "source: Sky, https://e.x"),
        (Part("citation", {}), "source: not named"),
        (Part("redacted_reasoning", {"data": "R"}), "reasoning that only the provider can read"),
        (Part("server_tool", {"name": "web_search", "block": {}}), "the provider ran a tool: web_search"),
        (Part("refusal", {}), "the model refuses"),
        (Part("holo\ngram", {}), "holo gram, which a terminal can't show"),
    ],
)
def test_every_part_is_one_line(part: Part, line: str) -> None:
    assert describe_part(part).startswith(line)
    assert "\n" not in describe_part(part)
