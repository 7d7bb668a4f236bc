"""Joined chunks: aiohttp's parser reads the same body from them, however the bytes are cut into reads."""

import asyncio
from random import Random

import pytest
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http_parser import HttpResponseParser

from gateway.upstreams.chunks import ChunkJoiner, body_of

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
SIZES = (1, 2, 15, 16, 17, 255, 256, 300, 5000)


def chunk(content: bytes, size_format: bytes = b"%x") -> bytes:
    return (size_format % len(content)) + b"\r\n" + content + b"\r\n"


class Parser:
    """aiohttp's parser, and the body that it has read."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self._parser = HttpResponseParser(BaseProtocol(loop), loop, 2**16)
        self.body = b""
        self.chunks = 0
        self.is_complete = False
        self.error = ""

    def feed(self, data: bytes) -> None:
        """Parse a read."""
        if self.error:
            return
        try:
            messages, _, _ = self._parser.feed_data(data)
        except Exception as error:  # noqa: BLE001 - any error of the parser, which is compared
            self.error = type(error).__name__
            return
        if messages:
            self._payload = messages[0][1]
        before = self._payload.total_bytes
        self.body += self._payload.read_nowait()
        self.chunks += self._payload.total_bytes > before
        self.is_complete = self._payload.is_eof()
        if (failure := self._payload.exception()) is not None:
            self.error = type(failure).__name__


def cut(data: bytes, random: Random) -> list[bytes]:
    """Cut bytes into reads."""
    places = sorted(random.sample(range(1, len(data)), random.randrange(min(12, len(data) - 1))))
    return [data[start:end] for start, end in zip([0, *places], [*places, len(data)], strict=True)]


def any_body(random: Random) -> bytes:
    """Return a chunked body; in some of them a size is written in another way, or the end is wrong."""
    formats = random.choice([(b"%x",), (b"%X",), (b"%x", b"%X", b"00%x", b"%x;name=value", b"+%x", b"0x%x")])
    contents = [random.choice([b"a", b"\r\n", b"1\r\n"]) * random.choice(SIZES) for _ in range(random.randrange(1, 9))]
    body = b"".join(chunk(content, random.choice(formats)) for content in contents)
    end = random.choice([b"0\r\n\r\n"] * 5 + [b"0\r\nName: value\r\n\r\n", b"", b"zz\r\n", b"5\r\nabcdeXX0\r\n\r\n"])
    return body + end


@pytest.mark.parametrize("seed", range(400))
async def test_joined_reads_mean_what_the_reads_mean(seed: int) -> None:
    random = Random(seed)
    reads = cut(any_body(random), random)
    reads = [HEAD + reads[0], *reads[1:]] if random.random() < 0.7 else [HEAD, *reads]
    plain, joined, joiner = Parser(), Parser(), ChunkJoiner()
    for number, read in enumerate(reads):
        plain.feed(read)
        joined.feed(joiner.join(read, 0 if number else body_of(read)))
        assert (joined.body, joined.is_complete, joined.error) == (plain.body, plain.is_complete, plain.error)


def test_the_chunks_of_a_read_become_one() -> None:
    contents = [b"data: %d\n\n" % number for number in range(100)]
    read = b"".join(map(chunk, contents))
    joiner = ChunkJoiner()
    assert joiner.join(HEAD + read, len(HEAD)) == HEAD + chunk(b"".join(contents))
    assert joiner.join(read + b"0\r\n\r\n") == chunk(b"".join(contents)) + b"0\r\n\r\n"


def test_chunks_are_joined_around_one_that_comes_in_two_reads() -> None:
    one, two = chunk(b"a" * 20), chunk(b"b" * 20)
    for at in range(1, len(two)):
        joiner = ChunkJoiner()
        assert joiner.join(one + one + two[:at]) == chunk(b"a" * 40) + two[:at]
        assert joiner.join(two[at:] + one + one) == two[at:] + chunk(b"a" * 40)


def test_a_single_chunk_is_passed_on_as_it_is() -> None:
    joiner, read = ChunkJoiner(), chunk(b"data: 1\n\n")
    assert joiner.join(read) is read


@pytest.mark.parametrize(
    "head",
    [
        HEAD.replace(b"chunked", b"gzip, chunked"),
        HEAD.replace(b"chunked", b"identity"),
        HEAD.replace(b"Transfer-Encoding: chunked", b"Content-Length: 3"),
        HEAD.replace(b"\r\n\r\n", b"\r\nTransfer-Encoding: gzip\r\n\r\n"),
        HEAD.replace(b"\r\n", b"\n"),
        HEAD.replace(b"OK\r\n", b"OK\n\n"),
        HEAD.replace(b"1.1", b"1.0"),
        HEAD.replace(b"200 OK", b"103 Early Hints") + HEAD,
        HEAD[:-1],
        b"",
    ],
)
def test_only_a_chunked_body_is_joined(head: bytes) -> None:
    assert body_of(head + b"1\r\na\r\n1\r\nb\r\n") == 0


@pytest.mark.parametrize("head", [HEAD, HEAD.lower().replace(b"http", b"HTTP"), HEAD.replace(b": ", b":")])
def test_the_body_of_a_chunked_response_is_found(head: bytes) -> None:
    assert body_of(head + b"1\r\na\r\n") == len(head)
