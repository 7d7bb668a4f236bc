"""The console in headless Chromium, read and operated as an operator does."""

import base64
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selenium.webdriver import Chrome
from selenium.webdriver.remote.webelement import WebElement

from tests.integration import processes
from tests.integration.browser import click, wait_until
from tests.integration.console.scene import KEYS
from tests.integration.processes import Server

_STORE_KEY = "sessionStorage.setItem('dualstream.console.key', arguments[0]); location.reload()"


@contextmanager
def scene(folder: Path) -> Iterator[Server]:
    """Run the gateway of the scene."""
    command = [sys.executable, "-m", "tests.integration.console.scene", str(folder)]
    with processes.serving(command, r"The scene listens on (http://\S+)", {}) as server:
        yield server


class ConsolePage:
    """The console of a gateway."""

    def __init__(self, driver: Chrome, url: str) -> None:
        self.driver = driver
        self.url = url
        self.driver.get(f"{url}/console")
        self.run("sessionStorage.clear()")
        self.driver.get(f"{url}/console")

    def sign_in(self, name: str = "ops") -> None:
        """Use the key of a client of the scene, as if it had been entered in this tab, and wait for the first data."""
        self.run(_STORE_KEY, KEYS[name][0].text())
        self.wait("document.body.dataset.loaded === 'true'")

    def run(self, script: str, *arguments: object) -> Any:  # noqa: ANN401 - what the script returns
        """Run a script in the page; return what it returns."""
        return self.driver.execute_script(script, *arguments)

    def wait(self, expression: str) -> Any:  # noqa: ANN401 - the value of the expression
        """Wait until an expression is true, and all elements in it are there; return its value."""
        script = f"try {{ return {expression}; }} catch (error) {{ if (!(error instanceof TypeError)) throw error; }}"
        return wait_until(lambda: self.run(script), lambda: f"{expression}: {self.text()[:1500]}")

    def text(self, selector: str = "body") -> str:
        """Return what an element shows."""
        return str(self.run("return document.querySelector(arguments[0])?.innerText ?? ''", selector))

    def find(self, selector: str) -> WebElement:
        """Return the first element that matches a CSS selector."""
        return self.driver.find_element("css selector", selector)

    def show(self, view: str) -> None:
        """Show a view."""
        click(self.find(f'.views a[href="#{view}"]'))

    def open_answer(self, model: str, rows: str = "#running") -> None:
        """Open the first answer of a model."""
        wanted = f"[...document.querySelectorAll('{rows} .row-open')].find((one) => one.innerText === '{model}')"
        self.wait(f"Boolean({wanted})")
        self.run(f"{wanted}.click()")

    def close_dialogs(self) -> None:
        """Close what is open."""
        self.run("for (const dialog of document.querySelectorAll('dialog[open]')) dialog.close()")

    def emulate(self, width: int, height: int, scheme: str) -> None:
        """Emulate a screen of this size in CSS pixels, a colour scheme, and a user who wants no motion."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        features = [
            {"name": "prefers-color-scheme", "value": scheme},
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def take(self, out: Path) -> None:
        """Write a picture of what is shown."""
        out.parent.mkdir(parents=True, exist_ok=True)
        screenshot = self.driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})
        out.write_bytes(base64.b64decode(screenshot["data"]))

    def messages(self) -> list[str]:
        """Return the messages of the browser's console since the last call: errors and violations of the policy."""
        entries = self.driver.get_log("browser")  # type: ignore[no-untyped-call]
        return [str(entry["message"]) for entry in entries]
