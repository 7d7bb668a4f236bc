"""Take the screenshot of the demo page for the README: `python -m tests.integration.screenshot OUT.png`."""

import argparse
import base64
import tempfile
from pathlib import Path

from tests.integration import processes
from tests.integration.browser import Page, chromium

WIDTH, HEIGHT = 1280, 1040
PROMPT = "Why do people trust an answer more when they can watch it being written?"
DISCONNECT_AT, INTERRUPT_AT, SHOW_AT = 120, 330, 440
"""Characters after which the left pane is disconnected, the right one interrupted, and the screenshot taken."""


def main() -> None:
    """Parse the command line, and write the screenshot."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, help="path of the PNG")
    parser.add_argument(
        "--width", type=int, default=WIDTH, help="width of the page in CSS pixels (default %(default)s)"
    )
    parser.add_argument("--height", type=int, default=HEIGHT, help="its height (default %(default)s)")
    parser.add_argument("--dark", action="store_true", help="in dark mode")
    options = parser.parse_args()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_bytes(take_screenshot(options.width, options.height, dark=options.dark))
    print(f"{options.out}: {options.out.stat().st_size / 1024:.0f} KB")


def take_screenshot(width: int, height: int, *, dark: bool) -> bytes:
    """Run both panes, disconnect the left one, interrupt the right one; return a PNG once the left one has resumed."""
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile,
        processes.gateway() as server,
        chromium(Path(profile)) as driver,
    ):
        page = Page(driver, server.url)
        page.set_size(width, height, mobile=width < 600)
        page.set_colour_scheme("dark" if dark else "light")
        page.submit(PROMPT)
        page.sse.wait_for_text(beyond=DISCONNECT_AT)
        page.sse.click("plug")
        page.websocket.wait_for_text(beyond=INTERRUPT_AT)
        page.websocket.click("interrupt")
        page.websocket.wait_for_end("interrupted")
        page.sse.wait_for_notice("Back after")
        page.sse.wait_for_text(beyond=SHOW_AT)
        page.run("document.activeElement.blur(); scrollTo(0, 0);")
        screenshot = driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})
        page.reset()
    return base64.b64decode(screenshot["data"])


if __name__ == "__main__":
    main()
