"""Requests, response heads and bodies of the load generator."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.bench.load.http import ChunkedBody, WireError, parse_response_head, request
from tests.bench.load.pieces import pieces


@given(st.lists(st.binary(min_size=1, max_size=50)), st.lists(st.integers(min_value=0)))
def test_a_body_in_chunks_is_read_from_any_pieces(parts: list[bytes], cuts: list[int]) -> None:
    data = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
    body = ChunkedBody()
    assert b"".join(body.feed(piece) for piece in pieces(data, cuts)) == b"".join(parts)
    assert body.is_complete


@pytest.mark.parametrize("data", [b"x\r\n", b"0\r\n\r\nmore"])
def test_a_body_without_chunks_is_an_error(data: bytes) -> None:
    with pytest.raises(WireError):
        ChunkedBody().feed(data)


def test_a_request_is_written_and_a_response_head_parsed() -> None:
    assert request("POST", "/x", 80, b"{}", {"Accept": "a/b"}) == (
        b"POST /x HTTP/1.1\r\nHost: 127.0.0.1:80\r\nContent-Type: application/json\r\nContent-Length: 2\r\n"
        b"Accept: a/b\r\n\r\n{}"
    )
    head = parse_response_head(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close")
    assert (head.status, head.is_chunked, head.is_kept_alive) == (200, True, False)
    with pytest.raises(WireError):
        parse_response_head(b"220 mail.example ESMTP")
