"""Ways to hide a request in another one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

CHUNKED: Final = "Transfer-Encoding: chunked"
START: Final = "/api/generations"


@dataclass(frozen=True, slots=True)
class Vector:
    """A way to hide a request: `write` builds the bytes from the header with the key and the hidden request."""

    name: str
    how: str
    head: Sequence[str]
    body: bytes = b""
    """`HIDDEN` stands for the hidden request, `SIZE` for its size in hexadecimal."""
    first_line: str = f"POST {START} HTTP/1.1"
    host: bytes = b"Host: localhost\r\n"
    stopped_by: str = "refused by the parser (nginx; llhttp)"

    def write(self, key: str, hidden: bytes) -> bytes:
        """Build the bytes to send."""
        body = self.body.replace(b"SIZE", b"%x" % len(hidden)).replace(b"HIDDEN", hidden)
        lines = [line.replace("LENGTH", str(len(body))).replace("\\n", "\n").replace("\\r", "\r") for line in self.head]
        head = "".join(f"{line}\r\n" for line in (*lines, key, "Content-Type: application/json"))
        return b"%b\r\n%b%b\r\n%b" % (self.first_line.encode("latin-1"), self.host, head.encode("latin-1"), body)


ENDED: Final = b"0\r\n\r\nHIDDEN"
"""If the server uses chunks, the body ends before the hidden request."""
WITHIN: Final = b"SIZE\r\nHIDDEN\r\n0\r\n\r\n"
"""If the server ignores chunks, the hidden request begins after the first line."""
UPGRADE: Final = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==")
BODY: Final = "read as the body that its headers declare"
BOTH: Final = "Content-Length: LENGTH"

VECTORS: Final = (
    Vector("CL.TE", "both headers; the chunks end before the hidden request", (BOTH, CHUNKED), ENDED),
    Vector("TE.CL", "both headers; the declared one ends before it", (CHUNKED, "Content-Length: 4"), WITHIN),
    Vector("TE.TE: space", "`Transfer-Encoding : chunked`", (BOTH, "Transfer-Encoding : chunked"), ENDED),
    Vector("TE.TE: tab", "`Transfer-Encoding:⇥chunked`", (BOTH, "Transfer-Encoding:\tchunked"), ENDED),
    Vector("TE.TE: vertical tab", "`Transfer-Encoding: ␋chunked`", (BOTH, "Transfer-Encoding: \x0bchunked"), ENDED),
    Vector("TE.TE: unknown", "`Transfer-Encoding: xchunked`", (BOTH, "Transfer-Encoding: xchunked"), ENDED),
    Vector("TE.TE: list", "`Transfer-Encoding: chunked, identity`", (BOTH, f"{CHUNKED}, identity"), ENDED),
    Vector("TE.TE: twice", "`chunked` and `identity` in two headers", (BOTH, CHUNKED, "Transfer-Encoding: x"), ENDED),
    Vector("TE.TE: quoted", '`Transfer-Encoding: "chunked"`', (BOTH, 'Transfer-Encoding: "chunked"'), ENDED),
    Vector("TE.TE: folded", "`Transfer-Encoding:⏎ chunked`", (BOTH, "Transfer-Encoding:\\r\\n chunked"), ENDED),
    Vector("TE.TE: bare LF", "`X: x␊Transfer-Encoding: chunked`", (BOTH, f"X: x\\n{CHUNKED}"), ENDED),
    Vector("TE.TE: bare CR", "`X: x␍Transfer-Encoding: chunked`", (BOTH, f"X: x\\r{CHUNKED}"), ENDED),
    Vector("TE in HTTP/1.0", "chunks, which HTTP/1.0 does not have", (BOTH, CHUNKED), ENDED, f"POST {START} HTTP/1.0"),
    Vector("Two lengths", "`Content-Length` twice, the second longer", ("Content-Length: 4", BOTH), b"{}  HIDDEN"),
    Vector("Two lengths in one", "`Content-Length: 4, 4`", ("Content-Length: 4, 4",), b"{}  HIDDEN"),
    Vector("Signed length", "`Content-Length: +4`", ("Content-Length: +4",), b"{}  HIDDEN"),
    Vector("Hexadecimal length", "`Content-Length: 0x4`", ("Content-Length: 0x4",), b"{}  HIDDEN"),
    Vector("Endless length", "`Content-Length` of 2⁶⁴ + 4", ("Content-Length: 18446744073709551620",), b"{}  HIDDEN"),
    Vector("Chunk extension", "a bare LF in a chunk's extension", (CHUNKED,), b"2;x\nxx\r\n4c\r\n0\r\n\r\nHIDDEN"),
    Vector(
        "Chunk size", "a size of 2⁶⁴, which is 0 where it overflows", (CHUNKED,), b"10000000000000000\r\n\r\nHIDDEN"
    ),
    Vector("Chunk size, prefixed", "`0x0` as a chunk's size", (CHUNKED,), b"0x0\r\n\r\nHIDDEN"),
    Vector(
        "Chunk without CR",
        "chunks that end with LF alone",
        (CHUNKED,),
        b"0\n\nHIDDEN",
        stopped_by="llhttp refuses it; nginx accepts it, and forwards chunks of its own",
    ),
    Vector(
        "Trailer",
        "the hidden request as the chunks' trailer",
        (CHUNKED,),
        b"0\r\nX: y\r\nHIDDEN",
        stopped_by="refused, or ignored: trailers are not read",
    ),
    Vector("NUL in a header", "`X: a␀b`", ("X: a\x00b", BOTH), b"HIDDEN"),
    Vector("NUL in the URL", "`/api/generations␀`", (BOTH,), b"HIDDEN", f"POST {START}\x00 HTTP/1.1"),
    Vector("Space in a name", "`Content Length: 0`", ("Content Length: 0", BOTH), b"HIDDEN"),
    Vector("Underscore", "`Content_Length: 0`", ("Content_Length: 0", BOTH), b"HIDDEN", stopped_by=BODY),
    Vector("Two hosts", "`Host` twice", ("Host: evil.test", BOTH), b"HIDDEN", stopped_by=f"nginx; {BODY}"),
    Vector("No host", "HTTP/1.1 without `Host`", (BOTH,), b"HIDDEN", host=b"", stopped_by=f"nginx; {BODY}"),
    Vector(
        "Absolute URL",
        "`POST http://evil.test/…`",
        (BOTH,),
        b"HIDDEN",
        f"POST http://evil.test{START} HTTP/1.1",
        stopped_by=BODY,
    ),
    Vector("Body of a GET", "a GET with a length", (BOTH,), b"HIDDEN", "GET /health HTTP/1.1", stopped_by=BODY),
    Vector(
        "Body after a close",
        "`Connection: close`",
        ("Connection: close", "Content-Length: 2"),
        b"{}HIDDEN",
        stopped_by=BODY,
    ),
    Vector("Expectation", "`Expect: 100-continue`", ("Expect: 100-continue", BOTH), b"HIDDEN", stopped_by=BODY),
    Vector(
        "Refused type", "a body that is refused unread", ("Content-Type: text/plain", BOTH), b"HIDDEN", stopped_by=BODY
    ),
    Vector(
        "Failed WebSocket",
        "an upgrade with an unknown version, followed by the hidden request",
        (*UPGRADE, "Sec-WebSocket-Version: 777"),
        b"HIDDEN",
        "GET /api/ws HTTP/1.1",
        stopped_by="no 101, no tunnel: both sides close",
    ),
    Vector(
        "Failed WebSocket with a body",
        "an upgrade with an unknown version, followed by the hidden request",
        (*UPGRADE, "Sec-WebSocket-Version: 777", BOTH),
        b"HIDDEN",
        "GET /api/ws HTTP/1.1",
    ),
    Vector(
        "Accepted WebSocket",
        "an accepted upgrade, followed by the hidden request",
        (*UPGRADE, "Sec-WebSocket-Version: 13"),
        b"HIDDEN",
        "GET /api/ws HTTP/1.1",
        stopped_by="from there on only frames are read, and this is not one",
    ),
    Vector(
        "Upgrade elsewhere",
        "an upgrade on a route that is not a WebSocket",
        (*UPGRADE, "Sec-WebSocket-Version: 13", BOTH),
        b"HIDDEN",
        "GET /health HTTP/1.1",
    ),
    Vector(
        "h2c",
        "`Upgrade: h2c`, the hidden request as its body",
        ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA", BOTH),
        b"HIDDEN",
        "GET /health HTTP/1.1",
        stopped_by=f"no 101; {BODY}",
    ),
    Vector(
        "HTTP/0.9",
        "a request without a version",
        (BOTH,),
        b"HIDDEN",
        "GET /api/stats",
        stopped_by="one request; the connection ends with its response",
    ),
    Vector("HTTP/2 preface", "`PRI * HTTP/2.0`", (), b"SM\r\n\r\nHIDDEN", "PRI * HTTP/2.0"),
)
