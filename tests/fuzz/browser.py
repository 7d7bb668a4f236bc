"""Input of the browser client: its decoder, run in Node, compared with the reference implementation."""

import struct
import subprocess
from functools import cache
from pathlib import Path
from typing import Final

import orjson

from tests.fuzz.target import Target, split
from tests.gateway.protocol.test_event_stream import STREAM, reference

SCRIPT: Final = Path(__file__).with_name("decode.mjs")


@cache
def _node() -> "subprocess.Popen[bytes]":
    # Node ends when its input ends, and so with this process.
    return subprocess.Popen(["node", str(SCRIPT)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def browser_stream(data: bytes) -> None:
    """Decode a stream in pieces, in JavaScript."""
    pieces, stream = split(data)
    node = _node()
    assert node.stdin is not None
    assert node.stdout is not None
    node.stdin.write(struct.pack(">II", len(stream), max(1, len(pieces[0]) if pieces else 1)) + stream)
    node.stdin.flush()
    decoded = [tuple(message) for message in orjson.loads(node.stdout.readline())]
    assert decoded == reference(stream.decode("utf-8", "replace"))


TARGETS: Final = [
    Target(
        "browser-stream",
        "the event stream, in `static/dualstream.js`",
        "the same for every split, and as the standard defines it",
        browser_stream,
        [b"\0" + STREAM, b"\1" + STREAM, b"\5data: a\n\ndata: b\n\n"],
        (b"data:", b"data: ", b"event: ", b"id: ", b"retry: 7", b"\r\n", b"\n\n", b"\r", b"\xef\xbb\xbf", b"\0"),
        program="node",
    ),
]
