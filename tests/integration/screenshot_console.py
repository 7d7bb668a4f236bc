"""Take pictures of the console: `python -m tests.integration.screenshot_console docs/images`.

They show a real gateway with its simulator (`tests.integration.console.scene`); the hour before its start is made up.
`--all FOLDER` takes each view in five sizes, light and dark.
"""

import argparse
import tempfile
import time
from pathlib import Path
from typing import Final

from tests.integration.browser import chromium
from tests.integration.console.clients import reading
from tests.integration.console.page import ConsolePage, scene
from tests.integration.screenshot import SIZES

DOCS_SIZE: Final = (1440, 1330)
SETTLE_SECONDS: Final = 12.0
"""Time after which answers run, some have ended, and each row has a history of its speed."""

VIEWS: Final = ("live", "answer", "ends", "keys")


def main() -> None:
    """Parse the command line, and write the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="folder of the pictures")
    parser.add_argument("--all", action="store_true", help="each view in five sizes, light and dark")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile,
        scene(Path(folder)) as server,
        chromium(Path(profile)) as driver,
        reading(server.url),
    ):
        page = ConsolePage(driver, server.url)
        page.emulate(*DOCS_SIZE, "light")
        page.sign_in()
        time.sleep(SETTLE_SECONDS)
        if options.all:
            _take_all(page, options.out)
        else:
            _take(page, "live", options.out / "console.png")
            _take(page, "answer", options.out / "console-answer.png")


def _take_all(page: ConsolePage, folder: Path) -> None:
    for view in VIEWS:
        for size, (width, height) in SIZES.items():
            for scheme in ("light", "dark"):
                page.emulate(width, height, scheme)
                _take(page, view, folder / f"console-{view}-{size}-{scheme}.png")


def _take(page: ConsolePage, view: str, out: Path) -> None:
    page.close_dialogs()
    page.run("location.hash = arguments[0]; document.activeElement.blur()", "live" if view == "answer" else view)
    if view == "answer":
        page.open_answer("claude-sonnet-4")
        page.wait("document.querySelector('.answer-text').innerText.length > 40")
    if view == "keys":
        page.wait("document.querySelectorAll('#keys tbody tr').length > 3")
    # Charts follow the size of the window in the next frame.
    time.sleep(0.6)
    page.take(out)
    print(f"{out}: {out.stat().st_size / 1024:.0f} KB", flush=True)


if __name__ == "__main__":
    main()
