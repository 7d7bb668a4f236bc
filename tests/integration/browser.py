"""The demo page in a real browser, as a person sees and uses it."""

import json
import re
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar, cast

import pytest
from selenium import webdriver
from selenium.webdriver import ActionChains, ChromeOptions, ChromeService, Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.select import Select

from tests.integration.processes import program

T = TypeVar("T")

DEADLINE_SECONDS = 40.0
"""For what should come at once: a slow machine is no failure, only a hang is."""

_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)

_LOOK = """
    const pane = document.querySelector(arguments[0]);
    const part = (role) => pane.querySelector(`[data-role="${role}"]`);
    const shown = (role) => part(role).innerText.trim();
    return {
      state: part("state").dataset.state,
      says: shown("state"),
      text: part("text").textContent,
      detail: shown("detail"),
      notices: [...part("notices").children].map((item) => item.innerText.replace(/\\s+/g, " ").trim()),
      stop_time: shown("stop-time"),
      revision: shown("revision"),
      feedback: shown("feedback-status"),
      transport: shown("transport"),
      generation: part("generation").textContent,
      seq: Number(part("seq").textContent.replace("event ", "") || 0),
      figures: [...pane.querySelectorAll(".figures dd")].map((figure) => figure.innerText),
    };
"""


def until(holds: Callable[[], T], about: Callable[[], object], seconds: float = DEADLINE_SECONDS) -> T:
    """Wait until it holds, and give it; fail with what `about` says if that takes too long."""
    deadline = time.monotonic() + seconds
    while not (found := holds()):
        if time.monotonic() > deadline:
            pytest.fail(f"This did not come within {seconds:g} s: {about()}")
        time.sleep(0.02)
    return found


def read_json(url: str) -> Any:  # noqa: ANN401 - JSON of whatever shape the test knows
    """GET a JSON document."""
    with urllib.request.urlopen(url, timeout=DEADLINE_SECONDS) as response:
        return json.load(response)


@contextmanager
def chromium(profile: Path, *flags: str) -> Iterator[webdriver.Chrome]:
    """Run a headless Chromium with a fresh profile, and with these flags beside our own."""
    options = ChromeOptions()
    options.binary_location = program("chromium", "chromium-browser", "google-chrome")
    for flag in (*_FLAGS, *flags, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options, ChromeService(program("chromedriver")))
    try:
        yield driver
    finally:
        driver.quit()


@dataclass(frozen=True, slots=True)
class Look:
    """What a pane shows at one moment."""

    state: str
    says: str
    text: str
    detail: str
    notices: list[str]
    stop_time: str
    revision: str
    feedback: str
    transport: str
    generation: str
    seq: int
    figures: list[str]

    @property
    def over(self) -> bool:
        """Whether the answer has ended."""
        return self.state in {"complete", "interrupted", "error"}


class Pane:
    """One of the two panes."""

    def __init__(self, page: "Page", home: str) -> None:
        self._page = page
        self.home = home
        self.selector = f"#pane-{home}"

    def look(self) -> Look:
        """See what it shows now."""
        return Look(**self._page.run(_LOOK, self.selector))

    def wait(self, holds: Callable[[Look], object], seconds: float = DEADLINE_SECONDS) -> Look:
        """Wait until what it shows is as wanted."""
        seen = self.look()

        def look() -> Look | None:
            nonlocal seen
            seen = self.look()
            return seen if holds(seen) else None

        return cast("Look", until(look, lambda: f"{self.home} shows {replace(seen, text=seen.text[-200:])}", seconds))

    def streams(self, beyond: int = 40) -> Look:
        """Wait until more text is there than that, with the answer still running."""
        seen = self.wait(lambda now: len(now.text) > beyond or now.over)
        assert not seen.over, seen
        return seen

    def noticed(self, words: str, times: int = 1) -> Look:
        """Wait until the list of what happened on the way says these words so often."""
        return self.wait(lambda now: sum(words in said for said in now.notices) == times)

    def ends(self, state: str = "complete") -> Look:
        """Wait until the answer is over, which must be so."""
        seen = self.wait(lambda now: now.over)
        assert seen.state == state, seen
        return seen

    def part(self, role: str) -> WebElement:
        """Find one of its parts."""
        return self._page.find(f'{self.selector} [data-role="{role}"]')

    def click(self, role: str) -> None:
        """Click one of its buttons."""
        self.part(role).click()

    def snapshot(self) -> dict[str, Any]:
        """Ask the gateway what it has of this pane's generation."""
        return cast("dict[str, Any]", read_json(f"{self._page.url}/api/generations/{self.look().generation}"))


@dataclass
class Page:
    """The demo page of a gateway. What its console says is kept; `tolerate` names what a test provokes."""

    driver: webdriver.Chrome
    url: str
    tolerated: list[str] = field(default_factory=list)
    console: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._heard()  # what an earlier page has said is not ours
        self.driver.get(f"{self.url}/")
        self.sse = Pane(self, "sse")
        self.websocket = Pane(self, "websocket")
        self.panes = (self.sse, self.websocket)
        # Where the gateway names its models, the free field becomes a choice.
        offers = bool(read_json(f"{self.url}/api/models")["models"])
        shown = "document.querySelector('select#model') !== null"
        asked = "performance.getEntriesByName(`${location.origin}/api/models`).length > 0"
        until(
            lambda: self.run(f"return {shown if offers else asked}"),
            lambda: f"the list of models; the console says {self.complaints()}",
        )

    def run(self, script: str, *given: object) -> Any:  # noqa: ANN401 - whatever the script gives
        """Run a script in the page and give what it returns."""
        return self.driver.execute_script(script, *given)

    def wait_for(self, script: str, *given: object) -> Any:  # noqa: ANN401 - whatever the script gives
        """Run a script that calls `done(result)` when it has one."""
        self.driver.set_script_timeout(DEADLINE_SECONDS)
        return self.driver.execute_async_script(f"const done = arguments[arguments.length - 1];\n{script}", *given)

    def find(self, selector: str) -> WebElement:
        """Find an element."""
        return self.driver.find_element("css selector", selector)

    def choose(self, setting: str, value: str) -> None:
        """Choose one of the simulator's settings by its value."""
        Select(self.find(f'[data-setting="{setting}"]')).select_by_value(value)

    def ask(self, prompt: str, *, model: str = "", on: str = "both") -> None:
        """Type a prompt (and the model's name), and run it."""
        for selector, text in (("#prompt", prompt), ("#model", model)):
            if text:
                field = self.find(selector)
                field.clear()
                field.send_keys(text)
        self.find(f"#run-{on}").click()

    def press(self, *keys: str) -> None:
        """Press keys, wherever the focus is; a modifier holds for the one that follows."""
        actions = ActionChains(self.driver, duration=0)
        held = []
        for key in keys:
            if key in {Keys.CONTROL, Keys.SHIFT}:
                actions.key_down(key)
                held.append(key)
                continue
            actions.send_keys(key)
            while held:
                actions.key_up(held.pop())
        actions.perform()

    def focused(self) -> str:
        """Say where the focus is: the pane, and the element's role or id."""
        return str(
            self.run(
                "const at = document.activeElement;"
                "return [at.closest('.pane')?.dataset.home, at.dataset.role ?? at.id].filter(Boolean).join(' ')"
            )
        )

    def device(self, width: int, height: int, *, mobile: bool = False) -> None:
        """Make the page that large, in CSS pixels."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def scheme(self, name: str) -> None:
        """Let the reader prefer a colour scheme; "" is back to none."""
        features = {"features": [{"name": "prefers-color-scheme", "value": name}]}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", features)

    def tolerate(self, pattern: str) -> None:
        """Take console messages like this for what the test itself has provoked."""
        self.tolerated.append(pattern)

    def complaints(self) -> list[str]:
        """List what the console says (everything counts: errors, violations of the policy, warnings)."""
        self.console += self._heard()
        return [said for said in self.console if not any(re.search(pattern, said) for pattern in self.tolerated)]

    def _heard(self) -> list[str]:
        entries = self.driver.get_log("browser")  # type: ignore[no-untyped-call]
        return [f"{entry['level']} {entry['message']}" for entry in entries]

    def leave(self) -> None:
        """Stop what runs, and go back to how a browser is at first."""
        self.run(
            "document.activeElement.blur(); document.dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape' }))"
        )
        for pane in self.panes:
            pane.wait(lambda seen: seen.over or seen.state == "idle")
        self.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        self.scheme("")
