"""A stream is known by how it begins, not by its content type."""

import pytest

from gateway.upstreams.body_start import EVENT_STREAM, BodyStart

CASES = [
    (EVENT_STREAM, b"data: x", True, False),
    (EVENT_STREAM, b"\xef\xbb\xbf\n: hello", True, False),
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
        assert (start.held, start.is_json) == (body.lstrip(), is_json)


def test_white_space_before_the_body_is_not_held() -> None:
    start = BodyStart("application/json")
    for _ in range(1000):
        assert start.feed(b" \r\n") is None
    assert start.held == b""
    start.feed(b" {}")
    assert (start.held, start.is_json) == (b"{}", True)


def test_nothing_is_not_known_yet() -> None:
    assert BodyStart(EVENT_STREAM).feed(b" \r\n") is None
    assert BodyStart("text/plain").feed(b"da") is None
