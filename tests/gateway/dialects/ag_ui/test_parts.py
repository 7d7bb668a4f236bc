"""Parts of a message in OpenAI's form."""

import pytest
from pydantic import JsonValue

from gateway.dialects.ag_ui.parts import parts_of, text_or_parts
from gateway.protocol.commands import JsonObject
from gateway.protocol.errors import Refused

DATA: JsonObject = {"type": "data", "value": "AAAA", "mimeType": "image/png"}


@pytest.mark.parametrize(
    ("part", "translated"),
    [
        ({"type": "text", "text": "a"}, {"type": "text", "text": "a"}),
        (
            {"type": "image", "source": DATA, "metadata": {}},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
        ),
        (
            {"type": "image", "source": {"type": "url", "value": "https://a.example/"}},
            {"type": "image_url", "image_url": {"url": "https://a.example/"}},
        ),
        (
            {"type": "audio", "source": {**DATA, "mimeType": "audio/mpeg"}},
            {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "mp3"}},
        ),
        (
            {"type": "audio", "source": {"type": "url", "value": "https://a.example/"}},
            {"type": "audio_url", "audio_url": {"url": "https://a.example/"}},
        ),
        (
            {"type": "video", "source": {**DATA, "mimeType": "video/mp4"}},
            {"type": "video_url", "video_url": {"url": "data:video/mp4;base64,AAAA"}},
        ),
        (
            {"type": "document", "source": {**DATA, "mimeType": "application/pdf"}},
            {"type": "file", "file": {"filename": "document.pdf", "file_data": "data:application/pdf;base64,AAAA"}},
        ),
        (
            {"type": "document", "source": {"type": "file", "value": "file-1"}},
            {"type": "file", "file": {"file_id": "file-1"}},
        ),
        (
            {"type": "binary", "mimeType": "image/png", "data": "AAAA"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
        ),
        (
            {"type": "binary", "mimeType": "application/pdf", "url": "https://a.example/"},
            {"type": "file", "file": {"filename": "document.pdf", "file_data": "https://a.example/"}},
        ),
    ],
)
def test_a_part(part: JsonObject, translated: JsonObject) -> None:
    assert parts_of([part], "p") == [translated]


def test_text() -> None:
    assert parts_of("", "p") == parts_of([{"type": "text", "text": ""}], "p") == []
    assert text_or_parts(parts_of("a", "p")) == "a"
    assert text_or_parts([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]) == "a\n\nb"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (5, "p: must be a list."),
        ([5], "p[0]: must be an object."),
        ([{"type": "x"}], "p[0].type: must be one of: text, image, audio, video, document."),
        ([{"type": "text"}], "p[0].text: must be a string."),
        (
            [{"type": "image"}],
            "p[0].source: must be a source of type data or url, with its value",
        ),
        ([{"type": "image", "source": {"type": "file", "value": "f"}}], "p[0].source: of type file can't be given to"),
        ([{"type": "binary", "mimeType": "image/png"}], "p[0]: must have data, or a url."),
    ],
)
def test_what_is_refused(content: JsonValue, message: str) -> None:
    with pytest.raises(Refused) as refused:
        parts_of(content, "p")
    assert refused.value.message.startswith(message)
