"""HTTP and WebSocket as the load reads them, whatever pieces they come in."""

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.bench.load.frames import TEXT, FrameReader, masked
from tests.bench.load.http import ChunkedBody, WireError, parse_head, request
from tests.bench.wire import Answer, Plan, Request, Served, Stopped, Tally, document_of, plan_of, served_of, tally_of


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[start:end] for start, end in itertools.pairwise(places)]


@given(st.lists(st.binary(min_size=1, max_size=50)), st.lists(st.integers(min_value=0)))
def test_a_body_in_chunks_is_read_from_any_pieces(parts: list[bytes], cuts: list[int]) -> None:
    data = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
    body = ChunkedBody()
    assert b"".join(body.feed(piece) for piece in pieces(data, cuts)) == b"".join(parts)
    assert body.is_over


@pytest.mark.parametrize("data", [b"x\r\n", b"0\r\n\r\nmore"])
def test_what_is_not_in_chunks_is_an_error(data: bytes) -> None:
    with pytest.raises(WireError):
        ChunkedBody().feed(data)


@given(st.lists(st.binary(max_size=300)), st.lists(st.integers(min_value=0)))
def test_frames_are_read_from_any_pieces(payloads: list[bytes], cuts: list[int]) -> None:
    data = b"".join(unmasked(payload) for payload in payloads)
    reader = FrameReader()
    read = [frame for piece in pieces(data, cuts) for frame in reader.feed(piece)]
    assert read == [(TEXT, payload) for payload in payloads]


def test_a_large_frame_is_read() -> None:
    assert FrameReader().feed(unmasked(b"x" * 70_000)) == [(TEXT, b"x" * 70_000)]


@given(st.binary(max_size=300))
def test_what_a_client_sends_is_masked(payload: bytes) -> None:
    frame = masked(TEXT, payload)
    start = 2 if len(payload) < 126 else 4
    mask, hidden = frame[start : start + 4], frame[start + 4 :]
    assert frame[1] & 0x80
    assert bytes(byte ^ mask[index % 4] for index, byte in enumerate(hidden)) == payload


@pytest.mark.parametrize("data", [b"\x01\x00", b"\x81\x80", b"\xc1\x00"])
def test_frames_in_parts_masked_or_compressed_are_errors(data: bytes) -> None:
    with pytest.raises(WireError):
        FrameReader().feed(data)


def test_a_request_and_a_head() -> None:
    assert request("POST", "/x", 80, b"{}", {"Accept": "a/b"}) == (
        b"POST /x HTTP/1.1\r\nHost: 127.0.0.1:80\r\nContent-Type: application/json\r\nContent-Length: 2\r\n"
        b"Accept: a/b\r\n\r\n{}"
    )
    head = parse_head(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close")
    assert (head.status, head.is_chunked, head.keeps) == (200, True, False)
    with pytest.raises(WireError):
        parse_head(b"220 mail.example ESMTP")


def test_what_processes_tell_each_other_arrives_as_it_was() -> None:
    plan = Plan(80, Request("sse", "/x", "{}"), 1, 2, 3, leave_after=4)
    tally = Tally(requests=1, failures={"cut": 1}, stopped=[Stopped(1, 2, 3, 4)])
    served = Served(started=2, closes=[(1, 2, 3)])
    assert plan_of(json.loads(json.dumps(document_of(plan)))) == plan
    assert tally_of(json.loads(json.dumps(document_of(tally)))) == tally
    assert served_of(json.loads(json.dumps(document_of(served)))) == served


def test_an_answer_is_written_as_a_models_name() -> None:
    assert Answer.of_model(Answer(500, 20, 1000).model()) == Answer(500, 20, 1000)
    with pytest.raises(ValueError, match="is not bench-"):
        Answer.of_model("gpt-4.1-mini-2025")


def unmasked(payload: bytes) -> bytes:
    length = len(payload)
    if length < 126:
        return bytes((0x81, length)) + payload
    if length < 65536:
        return bytes((0x81, 126)) + length.to_bytes(2, "big") + payload
    return bytes((0x81, 127)) + length.to_bytes(8, "big") + payload
