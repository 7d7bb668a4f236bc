"""Tokens of images, documents and audio, by the examples in the providers' documentation."""

import pytest

from gateway.billing.media_tokens import MAX_PAGES, Audio, Document, Image
from tests.gateway.billing.test_image_size import encode, png


@pytest.mark.parametrize(
    ("model", "size", "detail", "tokens"),
    [
        # docs.anthropic.com, "Vision".
        ("claude-sonnet-4-5", (200, 200), None, 54),
        ("anthropic/claude-opus-4.1", (1000, 1000), None, 1334),
        ("claude-sonnet-4-5", (1092, 1092), None, 1590),
        ("claude-sonnet-4-5", (8000, 8000), None, 1600),
        ("claude-sonnet-4-5", (3136, 100), None, 105),
        # platform.openai.com, "Images and vision": the examples of each rule.
        ("gpt-4o", (1024, 1024), "high", 765),
        ("gpt-4o", (2048, 4096), None, 1105),
        ("gpt-4o", (4096, 8192), "low", 85),
        ("gpt-4o-mini", (512, 512), None, 8500),
        ("openai/gpt-5", (512, 512), None, 210),
        ("gpt-4.1-mini", (1024, 1024), None, 1659),
        ("o4-mini", (1800, 2400), None, 2500),
        ("some-model", (1024, 1024), None, 765),
        # ai.google.dev, "Understand and count tokens", "Image understanding".
        ("gemini-2.5-flash", (384, 384), None, 258),
        ("models/gemini-3-pro", (960, 540), None, 6 * 258),
    ],
)
def test_an_image(model: str, size: tuple[int, int], detail: str | None, tokens: int) -> None:
    assert Image.read(encode(png(*size)), detail).tokens(model) == pytest.approx(tokens, rel=0.03)


@pytest.mark.parametrize(("model", "tokens"), [("claude-opus-4-1", 1399), ("gemini-2.5-pro", 1032), ("gpt-4o", 765)])
@pytest.mark.parametrize("data", [None, "", "A" * 2_000_000])
def test_an_image_of_unknown_size(model: str, data: str | None, tokens: int) -> None:
    assert Image.read(data).tokens(model) == tokens


@pytest.mark.parametrize(("model", "page"), [("claude-opus-4-1", 3000), ("gemini-2.5-pro", 258), ("gpt-4o", 1500)])
def test_a_document(model: str, page: int) -> None:
    assert Document.read(None).tokens(model) == page
    assert Document.read("A" * 200_000).tokens(model) == 3 * page
    assert Document.read("A" * 40_000_000).tokens(model) == MAX_PAGES * page


def test_audio() -> None:
    assert Audio.read("A" * 64_000 * 60, "wav").tokens("gemini-2.5-flash") == 60 * 32
    assert Audio.read("A" * 64_000 * 60, "mp3").tokens("gpt-4o-audio") == 180 * 10
    assert Audio.read("").tokens("gpt-4o-audio") == 10
