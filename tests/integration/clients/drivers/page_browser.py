"""A page in Chromium: its EventSource and WebSocket, event-source-polyfill, and @microsoft/fetch-event-source."""

import asyncio
import subprocess
import time
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from selenium.webdriver import Chrome

from tests.integration.browser import chromium
from tests.integration.clients.drivers import kit
from tests.integration.clients.drivers.kit import finish, scenario
from tests.integration.clients.drivers.readers import Request, Result, play
from tests.integration.npm import npm_set

HERE: Final = Path(__file__).parent
PAGE: Final = "/health"
"""A document of the gateway's origin that loads nothing."""
POLL_SECONDS: Final = 0.02
HIDDEN_SECONDS: Final = 0.3


def scripts(folder: Path) -> list[str]:
    """Return the packages and our readers as classic scripts."""
    packages = npm_set("event_sources")
    polyfill = packages.file("event-source-polyfill/src/eventsource.js").read_text("utf-8")
    entry = packages.file("@microsoft/fetch-event-source/lib/esm/index.js")
    bundle = folder / "fetch-event-source.js"
    options = ["--bundle", "--format=iife", "--global-name=fetchEventSourcePackage", f"--outfile={bundle}"]
    subprocess.run([npm_set("bundling").binary("esbuild"), str(entry), "--log-level=error", *options], check=True)
    # A script of the driver is a function of its own.
    shared = "window.fetchEventSourcePackage = fetchEventSourcePackage;"
    return [polyfill, bundle.read_text("utf-8") + shared, (HERE / "page_readers.js").read_text("utf-8")]


class Tab:
    """A tab, whose page reads answers."""

    def __init__(self, driver: Chrome, sources: list[str]) -> None:
        self._driver = driver
        self._sources = sources

    def begin(self, name: str, request: Request) -> None:
        """Open a page of the gateway, or of a proxy before it, and begin to read."""
        self._driver.get(f"{request.base}{PAGE}")
        for source in self._sources:
            self._driver.execute_script(source)
        given = {"key": request.key, "generation": request.generation, **request.start}
        self._driver.execute_script("start(...arguments)", name, given)

    def reading(self) -> dict[str, Any]:
        """Return what has been read so far."""
        found: dict[str, Any] = self._driver.execute_script("return reading")
        return found

    def run(self, script: str) -> None:
        """Run a script in the page."""
        self._driver.execute_script(script)

    async def read(self, name: str, request: Request) -> Result:
        """Read an answer to its end."""
        self.begin(name, request)
        shown = 0
        while True:
            found = self.reading()
            fields = {field: value for field, value in found.items() if field != "end"}
            reading = Result(request.on_event, **fields, end=found["end"])
            # Acts on what is new; on a page, pieces have come together meanwhile.
            for number, kind in list(enumerate(reading.types))[shown:]:
                reading.pieces = reading.types[: number + 1].count("chunk")
                request.on_event({"type": kind}, reading)
            shown = len(reading.types)
            if reading.end is not None:
                return reading
            await asyncio.sleep(POLL_SECONDS)


def hide_and_show(driver: Chrome) -> None:
    """Open another tab, so that the page is hidden for a while."""
    page = driver.current_window_handle
    driver.switch_to.new_window("tab")
    time.sleep(HIDDEN_SECONDS)
    driver.close()
    driver.switch_to.window(page)


def play_page(driver: Chrome, sources: list[str]) -> None:
    """Run the scenarios of all readers."""
    tab = Tab(driver, sources)
    # A page reads one answer here: its second viewer is another client.
    one_page = frozenset({"viewers"})
    get_only = one_page | {"tools", "next-turn"}
    play("event-source", partial(tab.read, "event-source"), without=get_only)
    play("polyfill", partial(tab.read, "polyfill"), without=get_only)
    play("fetch-event-source", partial(tab.read, "post"), without=one_page)
    play("socket", partial(tab.read, "websocket"), lambda _id: tab.run("stop()"), without=one_page)

    @scenario("fetch-event-source/hidden-tab")
    def _() -> str:
        tab.begin("post", Request("slow"))
        while tab.reading()["pieces"] < 3:
            time.sleep(POLL_SECONDS)
        hide_and_show(driver)
        before = tab.reading()["connections"]
        kit.interrupt(tab.reading()["id"])
        while not (found := tab.reading())["end"]:
            time.sleep(POLL_SECONDS)
        assert before == 2
        assert len(set(found["positions"])) == len(found["positions"]), "no event came twice"
        assert found["text"] == kit.gateway("GET", f"/api/generations/{found['id']}")["text"]
        return f"{before} connections"


with TemporaryDirectory() as folder, chromium(Path(folder) / "profile") as chrome:
    play_page(chrome, scripts(Path(folder)))
finish()
