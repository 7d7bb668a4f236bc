"""Take the README's picture of the demo page: `python -m tests.integration.screenshot OUT.png`."""

import argparse
import base64
import tempfile
from pathlib import Path

from tests.integration import processes
from tests.integration.browser import Page, chromium

WIDTH, HEIGHT = 1280, 1040
PROMPT = "Why do people trust an answer more when they can watch it being written?"
PLUG_AT, STOP_AT, SHOW_AT = 120, 330, 440
"""Characters at which the left plug is pulled, the right answer interrupted, and the picture taken."""


def main() -> None:
    """Read the command line and take the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, help="where the PNG goes")
    parser.add_argument("--width", type=int, default=WIDTH, help="of the page, in CSS pixels (default %(default)s)")
    parser.add_argument("--height", type=int, default=HEIGHT, help="default %(default)s")
    parser.add_argument("--dark", action="store_true", help="in dark mode")
    options = parser.parse_args()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_bytes(take(options.width, options.height, dark=options.dark))
    print(f"{options.out}: {options.out.stat().st_size / 1024:.0f} KB")


def take(width: int, height: int, *, dark: bool) -> bytes:
    """Stream on both sides, pull the left plug, stop the right one, and give the page once the left is back."""
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile,
        processes.gateway() as server,
        chromium(Path(profile)) as driver,
    ):
        page = Page(driver, server.url)
        page.device(width, height, mobile=width < 600)
        page.scheme("dark" if dark else "light")
        page.ask(PROMPT)
        page.sse.streams(beyond=PLUG_AT)
        page.sse.click("plug")
        page.websocket.streams(beyond=STOP_AT)
        page.websocket.click("interrupt")
        page.websocket.ends("interrupted")
        page.sse.noticed("Back after")
        page.sse.streams(beyond=SHOW_AT)
        page.run("document.activeElement.blur(); scrollTo(0, 0);")
        taken = driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})
        page.leave()
    return base64.b64decode(taken["data"])


if __name__ == "__main__":
    main()
