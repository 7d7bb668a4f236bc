"""Parts that are not text, alike for all wire formats."""

import orjson
import pytest

from gateway.protocol.commands import JsonObject
from gateway.protocol.errors import Code
from gateway.protocol.events import Part, encode
from gateway.upstreams.formats.parts import (
    citation_part,
    encodable,
    media_part,
    server_tool_part,
    unsupported_content,
)


@pytest.mark.parametrize(
    ("media_type", "kind"),
    [("image/png", "image"), ("audio/wav", "audio"), ("video/mp4", "file"), ("application/pdf", "file"), ("", "file")],
)
def test_the_media_type_decides_the_kind(media_type: str, kind: str) -> None:
    assert media_part(media_type, data="AAAA") == Part(kind, {"media_type": media_type or None, "data": "AAAA"})
    assert media_part(media_type, url="https://a.example") == Part(
        kind, {"media_type": media_type or None, "url": "https://a.example"}
    )


def test_nothing_is_no_part() -> None:
    assert media_part("image/png") is None
    assert media_part("image/png", data="", url=7) is None


def test_an_image_by_its_url() -> None:
    inline = Part("image", {"media_type": "image/webp", "data": "UklG"})
    assert media_part(None, url="data:image/webp;base64,UklG") == inline
    assert media_part("image/png", data="data:image/webp;base64,UklG") == inline
    linked = Part("image", {"media_type": None, "url": "https://a.example/b"})
    assert media_part(None, url="https://a.example/b", kind="image") == linked


def test_a_citation_has_null_for_what_is_unknown() -> None:
    cited = citation_part("https://a.example", "", 7, source={"n": 2**70}, wire_format="openai")
    named = {"url": "https://a.example", "title": None, "text": None}
    assert cited.fields == {**named, "format": "openai", "source": {"n": str(2**70)}}


def test_content_that_can_not_be_passed_on_is_named_by_a_token() -> None:
    failure = unsupported_content("computer_call")
    assert (failure.code, failure.retryable) == (Code.UNSUPPORTED_CONTENT, False)
    assert "computer_call" in failure.message
    assert "secret" not in unsupported_content("a secret: sk-1").message


def test_any_block_of_a_provider_can_be_encoded() -> None:
    block: JsonObject = {"a\ud83d": ["\ude00", 2**70, -(2**63), True, None, 1.5], "b": {"c": "x"}}
    assert encodable(block) == {"a\ufffd": ["\ufffd", str(2**70), -(2**63), True, None, 1.5], "b": {"c": "x"}}
    assert orjson.loads(encode(server_tool_part("t", block)))["block"]["b"] == {"c": "x"}
