"""The demo page shows the images of an answer, and names its other parts; nothing is loaded from elsewhere."""

import base64
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler

import orjson

from tests.integration import processes
from tests.integration.browser import Page, wait_until
from tests.integration.servers import http_server

WIDTH, HEIGHT = 320, 120


def png() -> str:
    """Return a coloured rectangle as a PNG in base64 (PNG specification, third edition, 5 and 11)."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 2, 0, 0, 0)
    rows = b"".join(
        b"\0" + bytes([15 + x // 2, 118, y * 2][i] for x in range(WIDTH) for i in range(3)) for y in range(HEIGHT)
    )
    parts = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + parts).decode()


def _image(media_type: str, data: str) -> dict[str, object]:
    return {"images": [{"type": "image_url", "image_url": {"url": f"data:{media_type};base64,{data}"}}]}


SVG = base64.b64encode(b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>").decode()
DELTAS: list[dict[str, object]] = [
    {"content": "Here is the picture."},
    _image("image/png", png()),
    _image("image/svg+xml", SVG),
    {"images": [{"type": "image_url", "image_url": {"url": "https://tracker.invalid/x.png"}}]},
    {"annotations": [{"type": "url_citation", "url_citation": {"url": "https://example.com/sky", "title": "The sky"}}]},
]


class _Provider(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        for delta in [*DELTAS, {}]:
            choice = {"index": 0, "delta": delta, "finish_reason": None if delta else "stop"}
            self.wfile.write(b"data: %b\n\n" % orjson.dumps({"id": "c", "choices": [choice]}))
        self.wfile.write(b"data: [DONE]\n\n")

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def provider() -> Iterator[str]:
    """Run a provider whose answers have images, a citation and text; yield its base URL."""
    with http_server(_Provider) as origin:
        yield f"{origin}/v1"


SHOWN = """
return [...document.querySelectorAll(arguments[0] + ' [data-role="parts"] li')].map((item) => {
  const [image, link] = [item.querySelector("img"), item.querySelector("a")];
  return image ? ["image", image.naturalWidth, image.naturalHeight] : [link ? link.href : "text", item.textContent];
});
"""


def _has_image(read_shown: Callable[[], list[list[object]]]) -> bool:
    return read_shown()[:1] == [["image", WIDTH, HEIGHT]]


def test_images_are_shown_and_other_parts_are_named(open_page: Callable[[str], Page]) -> None:
    with provider() as upstream, processes.gateway("--upstream", upstream) as server:
        page = open_page(server.url)
        page.submit("Draw the sky.", model="painter")
        for pane in page.panes:
            seen = pane.wait_for_end()
            assert seen.text == "Here is the picture."
            read_shown = partial(page.run, SHOWN, pane.selector)
            # Images are decoded later.
            wait_until(partial(_has_image, read_shown), read_shown)
            shown = read_shown()
            assert shown[1][0] == "text"
            assert shown[1][1].startswith("An image (image/svg+xml, 72 bytes), which this page")
            assert shown[2] == ["https://tracker.invalid/x.png", "An image: https://tracker.invalid/x.png"]
            assert shown[3] == ["https://example.com/sky", "Source: The sky"]
        loaded = page.run("return performance.getEntriesByType('resource').map(({ name }) => name)")
        assert [url for url in loaded if not url.startswith((server.url, "data:"))] == []
