"""Take pictures of the page of the API: `python -m tests.integration.screenshot_api docs/images`.

`--all FOLDER` takes them in five sizes, light and dark.
"""

import argparse
import base64
import tempfile
from pathlib import Path
from typing import Final

from tests.integration import processes
from tests.integration.api_page import ApiPage
from tests.integration.browser import chromium
from tests.integration.screenshot import SIZES

DOCS_SIZE: Final = (1440, 900)
TRIED: Final = "startStreaming"
MODEL: Final = '{\n  "model": "sim-instant",\n  "prompt": "Why is the sky blue?"\n}'


def main() -> None:
    """Parse the command line, and write the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="folder of the pictures")
    parser.add_argument("--all", action="store_true", help="in five sizes, light and dark")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile,
        processes.gateway() as server,
        chromium(Path(profile)) as driver,
    ):
        page = ApiPage(driver, server)
        if options.all:
            for name, size in SIZES.items():
                for scheme in ("light", "dark"):
                    _take(page, size, scheme, options.out / f"api-{name}-{scheme}.png")
        else:
            _take(page, DOCS_SIZE, "light", options.out / "api.png")


def _take(page: ApiPage, size: tuple[int, int], scheme: str, out: Path) -> None:
    width, height = size
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
    page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    page.open(f"#{TRIED}")
    field = "const field = document.getElementById(`${arguments[0]}-body`); field.value = arguments[1];"
    page.run(f"{field} field.rows = 4; field.dispatchEvent(new Event('input', {{ bubbles: true }}))", TRIED, MODEL)
    page.send(TRIED)
    page.reply(TRIED)
    page.run("document.activeElement.blur(); document.getElementById(arguments[0]).scrollIntoView()", TRIED)
    out.parent.mkdir(parents=True, exist_ok=True)
    picture = page.driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})
    out.write_bytes(base64.b64decode(picture["data"]))
    print(f"{out}: {out.stat().st_size / 1024:.0f} KB", flush=True)


if __name__ == "__main__":
    main()
