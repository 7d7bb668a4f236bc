"""Take screenshots of the examples: `python -m tests.integration.screenshot_examples FOLDER`."""

import argparse
import base64
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

from selenium.webdriver import Chrome

from tests.integration import processes
from tests.integration.browser import chromium, wait_until
from tests.integration.javascript.project import pack, serve
from tests.integration.processes import CHECKOUT, serving
from tests.integration.react_examples import EXAMPLES, ChatPage, build, create_project, site

FOLDER: Final = CHECKOUT / "examples"
PAGES: Final = ("eventsource", "websocket")
SIZE: Final = (900, 680)
MODEL: Final = "sim?ttft=200&speed=180&length=420"
TOOL_LENGTH: Final = 170
TOOL_MODEL: Final = f"sim?ttft=200&speed=60&length={TOOL_LENGTH}&reasoning=120&tool_calls=1"
QUESTIONS: Final = ("Why is the sky blue?", "And at sunset?")
SHOW_AT: Final = 260
"""Characters of the second answer after which the screenshot is taken."""


def main() -> None:
    """Parse the command line, and write the screenshots."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="folder of the PNGs")
    parser.add_argument("--dark", action="store_true", help="in dark mode")
    options = parser.parse_args()
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        pages = stack.enter_context(serve(FOLDER))
        settings = {"rate_limit_per_minute": 0, "allowed_origins": pages}
        gateway = stack.enter_context(processes.gateway("--model", MODEL, **settings))
        driver = stack.enter_context(chromium(scratch / "profile"))
        metrics = {"width": SIZE[0], "height": SIZE[1], "deviceScaleFactor": 1, "mobile": False}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if options.dark else "light"}
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        for example in PAGES:
            driver.get(f"{pages}/{example}/?{urlencode({'gateway': gateway.url, 'model': MODEL})}")
            _converse(driver, "prompt", "li")
            _write(driver, options.folder / f"{example}.png")
        driver.get(stack.enter_context(_fastapi(gateway.url)))
        _log_in(driver)
        _converse(driver, "question", ".turn")
        _write(driver, options.folder / "fastapi.png")
        project = create_project(scratch / "project", pack(scratch))
        for example in EXAMPLES:
            build(project, example)
            url = stack.enter_context(site(project, example, gateway.url))
            _use_a_tool(ChatPage(driver, url, TOOL_MODEL))
            _write(driver, options.folder / f"{example}.png")


def _use_a_tool(page: ChatPage) -> None:
    """Ask a question; return in the middle of the answer that follows the result of a tool."""

    def length() -> int:
        return sum(len(text) for role, text in page.turns() if role == "assistant")

    page.send("What time is it, and why is the sky blue?")
    wait_until(lambda: length() > TOOL_LENGTH + 100, page.describe)


def _converse(driver: Chrome, field: str, turns: str) -> None:
    """Ask both questions; return in the middle of the second answer."""
    is_ready = "return document.querySelector('#stop').hidden"
    length = f"return [...document.querySelectorAll('{turns}')][arguments[0]]?.textContent.length ?? 0"
    for turn, question in enumerate(QUESTIONS):
        wait_until(lambda: driver.execute_script(is_ready), lambda: "the answer does not end")
        driver.find_element("id", field).send_keys(question)
        driver.execute_script("document.getElementById(arguments[0]).form.requestSubmit()", field)
        answer = 2 * turn + 1
        shown = partial(driver.execute_script, length, answer)
        wait_until(lambda shown=shown: shown() > SHOW_AT, shown)  # type: ignore[misc]


def _log_in(driver: Chrome) -> None:
    name = driver.find_element("id", "name")
    wait_until(name.is_displayed, lambda: "the login")
    name.send_keys("Alice")
    driver.find_element("css selector", "#login button").click()
    wait_until(driver.find_element("id", "question").is_displayed, lambda: "the conversation")


@contextmanager
def _fastapi(gateway: str) -> Iterator[str]:
    command = [sys.executable, "-m", "uvicorn", "app:app", "--app-dir", str(FOLDER / "fastapi"), "--port", "0"]
    paths = (str(CHECKOUT / "gateway/client/top_level"), str(CHECKOUT), os.environ.get("PYTHONPATH"))
    variables = {"DUALSTREAM_URL": gateway, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    with serving(command, r"Uvicorn running on (http://\S+)", variables) as server:
        yield server.url


def _write(driver: Chrome, out: Path) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(base64.b64decode(driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})["data"]))
    print(f"{out}: {out.stat().st_size / 1024:.0f} KB", flush=True)


if __name__ == "__main__":
    main()
