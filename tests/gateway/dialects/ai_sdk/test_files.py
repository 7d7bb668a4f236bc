"""Attached files as content parts."""

import pytest

from gateway.dialects.ai_sdk.files import file_part
from gateway.protocol.errors import Refused
from tests.gateway.dialects.ai_sdk.requests import Json


def converted(media_type: str, url: str, **fields: str) -> Json:
    return dict(file_part({"type": "file", "mediaType": media_type, "url": url, **fields}, "p"))


@pytest.mark.parametrize(
    ("media_type", "url", "expected"),
    [
        ("image/png", "https://a.example/i", {"type": "image_url", "image_url": {"url": "https://a.example/i"}}),
        (
            "audio/mpeg",
            "data:audio/mpeg;base64,AA==",
            {"type": "input_audio", "input_audio": {"data": "AA==", "format": "mp3"}},
        ),
        ("audio/ogg", "https://a.example/s", {"type": "audio_url", "audio_url": {"url": "https://a.example/s"}}),
        ("video/mp4", "https://a.example/v", {"type": "video_url", "video_url": {"url": "https://a.example/v"}}),
        (
            "application/pdf",
            "data:application/pdf;base64,AA==",
            {"type": "file", "file": {"filename": "file.pdf", "file_data": "data:application/pdf;base64,AA=="}},
        ),
        ("text/csv", "data:text/csv;base64,YSxi", {"type": "text", "text": "a,b"}),
        ("application/json", "data:application/json,%7B%7D", {"type": "text", "text": "{}"}),
    ],
)
def test_a_file_by_its_type(media_type: str, url: str, expected: Json) -> None:
    assert converted(media_type, url) == expected


def test_names_are_kept() -> None:
    assert converted("application/pdf", "data:,", filename="a.pdf")["file"]["filename"] == "a.pdf"
    assert converted("text/plain", "data:text/plain;base64,YQ==", filename="a.txt")["text"] == "a.txt:\n\na"


@pytest.mark.parametrize("url", ["data:text/plain;base64,/w==", "data:text/plain;base64,???", "data:text/plain,%ff"])
def test_a_text_that_is_none(url: str) -> None:
    with pytest.raises(Refused, match=r"^p\.url: must contain text in UTF-8"):
        converted("text/plain", url)


def test_many_percent_escapes_are_refused() -> None:
    assert converted("text/plain", "data:text/plain," + "%41" * 100_000)["text"] == "A" * 100_000
    with pytest.raises(Refused, match="must be in base64") as refused:
        converted("text/plain", "data:text/plain," + "%41" * 100_001)
    assert refused.value.param == "p.url"
