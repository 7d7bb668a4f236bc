"""Take screenshots of the demo page: `python -m tests.integration.screenshot OUT.png`.

`--all FOLDER` takes them in five sizes, light and dark, in mid-stream and at the end.
"""

import argparse
import base64
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.integration import processes
from tests.integration.browser import Page, chromium

SIZES: Final = {
    "phone": (390, 844),
    "tablet": (768, 1024),
    "laptop": (1366, 648),
    "desktop": (1920, 1080),
    "4k": (3840, 2160),
}
README_SIZE: Final = (1366, 768)
PROMPT: Final = "Why do people trust an answer more when they can watch it being written?"
SETTINGS: Final = {"ttft": "300", "speed": "85", "language": "markdown", "length": "3000", "reasoning": "200"}
CUT_AT, STOP_AT, SHOW_AT = 420, 560, 900
"""Characters after which the left pane is cut off, the right one stopped, and the screenshot taken."""


def main() -> None:
    """Parse the command line, and write the screenshots."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="path of the PNG; with --all, of a folder")
    parser.add_argument("--all", action="store_true", help="five sizes, light and dark, in mid-stream and at the end")
    parser.add_argument("--dark", action="store_true", help="in dark mode")
    options = parser.parse_args()
    with _page() as page:
        if options.all:
            for name in SIZES:
                for scheme in ("light", "dark"):
                    _take_both(page, options.out, name, scheme)
        else:
            _set_up(page, README_SIZE, "dark" if options.dark else "light")
            _stream(page)
            _write(page, options.out)


@contextmanager
def _page() -> Iterator[Page]:
    """Open the page of a gateway with its simulator."""
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile,
        processes.gateway(rate_limit_per_minute=0) as server,
        chromium(Path(profile)) as driver,
    ):
        yield Page(driver, server.url)


def _set_up(page: Page, size: tuple[int, int], scheme: str) -> None:
    page.find("#new-conversation").click()
    page.set_size(*size, mobile=size[0] < 600)
    page.set_colour_scheme(scheme)


def _take_both(page: Page, folder: Path, name: str, scheme: str) -> None:
    _set_up(page, SIZES[name], scheme)
    _stream(page)
    _write(page, folder / f"{name}-{scheme}-streaming.png")
    page.run("document.querySelector('#pane-left .stop').click()")
    page.sse.wait_for_end("interrupted")
    _write(page, folder / f"{name}-{scheme}-end.png")


def _stream(page: Page) -> None:
    """Run both panes, cut the left one off, stop the right one; return once the left one has resumed."""
    for name, value in SETTINGS.items():
        page.run("document.querySelector(`[data-setting=${arguments[0]}]`).value = arguments[1]", name, value)
    page.submit(PROMPT)
    page.sse.wait_for_text(beyond=CUT_AT)
    page.run("document.querySelector('#pane-left [data-role=plug]').click()")
    page.websocket.wait_for_text(beyond=STOP_AT)
    page.run("document.querySelector('#pane-right .stop').click()")
    page.websocket.wait_for_end("interrupted")
    page.sse.wait_for_notice("Back after")
    page.sse.wait_for_text(beyond=SHOW_AT)
    page.run("document.activeElement.blur(); scrollTo(0, 0);")


def _write(page: Page, out: Path) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    screenshot = page.driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})
    out.write_bytes(base64.b64decode(screenshot["data"]))
    print(f"{out}: {out.stat().st_size / 1024:.0f} KB", flush=True)


if __name__ == "__main__":
    main()
