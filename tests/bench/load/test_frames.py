"""WebSocket frames of the load generator."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.bench.load.frames import TEXT, FrameReader, client_frame
from tests.bench.load.http import WireError
from tests.bench.load.pieces import pieces


def unmasked(payload: bytes) -> bytes:
    """Return a frame of a server."""
    length = len(payload)
    if length < 126:
        return bytes((0x81, length)) + payload
    if length < 65536:
        return bytes((0x81, 126)) + length.to_bytes(2, "big") + payload
    return bytes((0x81, 127)) + length.to_bytes(8, "big") + payload


@given(st.lists(st.binary(max_size=300)), st.lists(st.integers(min_value=0)))
def test_frames_are_read_from_any_pieces(payloads: list[bytes], cuts: list[int]) -> None:
    data = b"".join(unmasked(payload) for payload in payloads)
    reader = FrameReader()
    read = [frame for piece in pieces(data, cuts) for frame in reader.feed(piece)]
    assert read == [(TEXT, payload) for payload in payloads]


def test_a_large_frame_is_read() -> None:
    assert FrameReader().feed(unmasked(b"x" * 70_000)) == [(TEXT, b"x" * 70_000)]


@given(st.binary(max_size=300))
def test_frames_of_a_client_are_masked(payload: bytes) -> None:
    frame = client_frame(TEXT, payload)
    start = 2 if len(payload) < 126 else 4
    mask, masked = frame[start : start + 4], frame[start + 4 :]
    assert frame[1] & 0x80
    assert bytes(byte ^ mask[index % 4] for index, byte in enumerate(masked)) == payload


@pytest.mark.parametrize("data", [b"\x01\x00", b"\x81\x80", b"\xc1\x00"])
def test_fragmented_masked_and_compressed_frames_are_errors(data: bytes) -> None:
    with pytest.raises(WireError):
        FrameReader().feed(data)
