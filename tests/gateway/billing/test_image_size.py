"""Sizes of images, read from the beginning of their base64."""

from base64 import b64encode
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.billing.image_size import Size, read_image_size

PNG_MARK = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"


def encode(data: bytes) -> str:
    return b64encode(data).decode()


def png(width: int, height: int) -> bytes:
    return PNG_MARK + pack(">II", width, height) + b"\x08\x06\0\0\0" + bytes(2000)


def gif(width: int, height: int) -> bytes:
    return b"GIF89a" + pack("<HH", width, height) + bytes(200)


def jpeg(width: int, height: int, *segments: int, marker: int = 0xC0) -> bytes:
    """Return a JPEG whose frame header follows segments with these numbers of bytes."""
    before = b"".join(b"\xff\xe1" + pack(">H", length + 2) + bytes(length) for length in segments)
    frame = bytes((0xFF, marker)) + pack(">HBHHB", 17, 8, height, width, 3)
    return b"\xff\xd8" + before + b"\xff" + frame + bytes(20)


def webp(chunk: bytes, payload: bytes) -> bytes:
    return b"RIFF\0\0\0\0WEBP" + chunk + bytes(4) + payload + bytes(40)


def vp8(width: int, height: int) -> bytes:
    return webp(b"VP8 ", b"\0\0\0\x9d\x01\x2a" + pack("<HH", width | 0x4000, height))


def vp8l(width: int, height: int) -> bytes:
    return webp(b"VP8L", b"\x2f" + pack("<I", (width - 1) | (height - 1) << 14))


def vp8x(width: int, height: int) -> bytes:
    return webp(b"VP8X", bytes(4) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little"))


@pytest.mark.parametrize("build", [png, gif, jpeg, vp8, vp8l, vp8x])
def test_the_size_of_each_format(build: object) -> None:
    assert callable(build)
    for size in ((1, 1), (1568, 768), (16383, 9)):
        assert read_image_size(encode(build(*size))) == size


@given(st.lists(st.integers(0, 65533), max_size=5), st.sampled_from([0xC0, 0xC1, 0xC2]))
def test_a_frame_header_of_a_jpeg_behind_profiles_and_previews(segments: list[int], marker: int) -> None:
    assert read_image_size(encode(jpeg(4000, 3000, *segments, marker=marker))) == (4000, 3000)


@pytest.mark.parametrize(
    "data",
    [
        *("", "A" * 100_000, "!" * 100, "iVBOR", encode(png(0, 7)), encode(b"BM" + bytes(60))),
        encode(b"\xff\xd8\xff\xe1\xff\xff"),
        encode(b"\xff\xd8" + b"\xff" * 4000),
        encode(jpeg(5, 5, *[1] * 300)),
        encode(webp(b"VP9 ", b"")),
        "=" * 50,
    ],
)
def test_an_unreadable_size(data: str) -> None:
    assert read_image_size(data) is None


@given(st.one_of(st.text(), st.binary().map(encode), st.binary().map(lambda data: encode(b"\xff\xd8" + data))))
def test_any_text_is_read_or_not(data: str) -> None:
    size: Size | None = read_image_size(data)
    assert size is None or all(side > 0 for side in size)
