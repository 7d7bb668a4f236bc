"""A stream is known by how it begins, not by its content type."""

import pytest

from gateway.upstreams.body_start import EVENT_STREAM, BodyStart

CASES = [
    (EVENT_STREAM, b"data: x", True, False),
    (EVENT_STREAM, b"\xef\xbb\xbf\n: hello", True, False),
    (EVENT_STREAM, b"\r\n\r\ndata: x", True, False),
    (EVENT_STREAM, b"anything: x", True, False),
    (EVENT_STREAM, b' \n{"error":', False, True),
    (EVENT_STREAM, b'[{"error":', False, True),
    (EVENT_STREAM, b"<html>", False, False),
    ("text/plain", b"data: x", True, False),
    ("text/plain", b"\n\nevent: x", True, False),
    ("text/plain", b": keep-alive", True, False),
    ("text/plain", b"id:1\ndata:x", True, False),
    ("text/plain", b"upstream connect error", False, False),
    ("application/json", b'{"choices":[]}', False, True),
    ("text/html", b"<!doctype html>", False, False),
]


@pytest.mark.parametrize(("content_type", "body", "is_stream", "is_json"), CASES)
def test_a_beginning(content_type: str, body: bytes, is_stream: bool, is_json: bool) -> None:
    for at in range(len(body)):
        start = BodyStart(content_type)
        early = start.feed(body[:at])
        assert early in {None, is_stream}
        assert start.feed(body[at:]) is is_stream
        assert (start.held, start.is_json) == (body.removeprefix(b"\xef\xbb\xbf").lstrip(), is_json)


def test_nothing_is_not_known_yet() -> None:
    assert BodyStart(EVENT_STREAM).feed(b" \r\n") is None
    assert BodyStart("text/plain").feed(b"da") is None


def test_white_space_alone_is_not_kept() -> None:
    """Some servers send it for as long as a model thinks."""
    start = BodyStart("application/json")
    assert {start.feed(b"\n" * 1000) for _ in range(1000)} == {None}
    assert (start.held, start.size) == (b"", 0)
    assert start.feed(b'\n{"choices": []}') is False
    assert start.is_json
