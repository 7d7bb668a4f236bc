"""The demo page in headless Chromium, read and operated as a user does."""

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

PANES = {"sse": "left", "websocket": "right"}
"""Name of the pane that starts with a transport."""

DEADLINE_SECONDS = 40.0
"""Timeout of what should come at once. It is long because a slow machine is no failure; only a hang is."""

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
    "--window-size=1366,768",
)

_READ_PANE = """
    const pane = document.querySelector(arguments[0]);
    // An element of the last turn, or of the pane.
    const part = (role) => [...pane.querySelectorAll(`[data-role="${role}"]`)].at(-1);
    const shown = (role) => part(role)?.innerText.trim() ?? "";
    const answer = document.querySelector("#ask").page?.panes[pane.dataset.pane].answer;
    return {
      state: part("state").dataset.state,
      status: shown("state"),
      text: answer?.text ?? "",
      rendered: part("text")?.innerText ?? "",
      detail: shown("detail"),
      problem: shown("problem"),
      usage: shown("usage"),
      notices: [...part("notices")?.children ?? []].map((item) => item.innerText.replace(/\\s+/g, " ").trim()),
      stop_time: shown("stop-time"),
      revision: shown("revision"),
      feedback: shown("feedback-status"),
      title: shown("title"),
      transport: pane.dataset.transport,
      generation: part("generation")?.textContent ?? "",
      seq: Number(part("seq")?.textContent.replace("event ", "") || 0),
      turns: pane.querySelectorAll(".turn").length,
    };
"""

_CLICK = """
    const [element, ...rest] = arguments;
    element.scrollIntoView({ block: "nearest", inline: "nearest", behavior: "instant" });
    const { x, y, width, height } = element.getBoundingClientRect();
    const topmost = width && height ? document.elementFromPoint(x + width / 2, y + height / 2) : null;
    if (!element.contains(topmost)) return false;
    element.focus({ preventScroll: true });
    element.click();
    return (function () { %s }).apply(null, rest);
"""


def wait_until(condition: Callable[[], T], describe: Callable[[], object], seconds: float = DEADLINE_SECONDS) -> T:
    """Wait until a condition returns a true value, and return that; fail with `describe()` after so many seconds."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            pytest.fail(f"This did not come within {seconds:g} s: {describe()}")
        time.sleep(0.02)
    return value


def click(element: WebElement, read: str = "return true;", *arguments: object) -> Any:  # noqa: ANN401 - what it returns
    """Click an element once a user could, when it is shown and nothing covers it; return what `read` returns then.

    The driver finds a place first, and clicks there later. An answer that begins, grows or ends meanwhile moves the
    element, and the click hits another one, or none. Here, all is done in one task of the page.
    """
    script = _CLICK % read
    return wait_until(
        lambda: element.parent.execute_script(script, element, *arguments),
        lambda: f"an element that nothing covers: {element.get_attribute('outerHTML')}",
    )


def read_json(url: str) -> Any:  # noqa: ANN401 - JSON of a shape that the test knows
    """Return the JSON document at a URL."""
    with urllib.request.urlopen(url, timeout=DEADLINE_SECONDS) as response:
        return json.load(response)


@contextmanager
def chromium(profile: Path, *flags: str) -> Iterator[webdriver.Chrome]:
    """Run a headless Chromium with a new profile, and with these flags in addition to our own; yield its driver."""
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
class PaneState:
    """What a pane shows at one moment."""

    state: str
    status: str
    text: str
    """The answer's text as it was received, in Markdown."""
    rendered: str
    """What the pane shows of it."""
    detail: str
    problem: str
    usage: str
    notices: list[str]
    stop_time: str
    revision: str
    feedback: str
    title: str
    transport: str
    generation: str
    seq: int
    turns: int

    @property
    def has_ended(self) -> bool:
        """Return True if the generation has ended."""
        return self.state in {"complete", "interrupted", "error"}


class Pane:
    """One of the two panes of the page; `home` is the transport that it starts with, `sse` or `websocket`."""

    def __init__(self, page: "Page", home: str) -> None:
        self._page = page
        self.home = home
        self.name = PANES[home]
        self.selector = f"#pane-{self.name}"

    def read(self) -> PaneState:
        """Return what it shows now."""
        return PaneState(**self._page.run(_READ_PANE, self.selector))

    def wait(self, condition: Callable[[PaneState], object], seconds: float = DEADLINE_SECONDS) -> PaneState:
        """Wait until what it shows meets a condition; return what it shows then."""
        seen = self.read()

        def check() -> PaneState | None:
            nonlocal seen
            seen = self.read()
            return seen if condition(seen) else None

        def describe() -> str:
            return f"{self.home} shows {replace(seen, text=seen.text[-200:])}"

        return cast("PaneState", wait_until(check, describe, seconds))

    def wait_for_text(self, beyond: int = 40) -> PaneState:
        """Wait until it shows more than `beyond` characters; fail if the generation ends before or with that."""
        seen = self.wait(lambda now: len(now.text) > beyond or now.has_ended)
        assert not seen.has_ended, seen
        return seen

    def wait_for_notice(self, text: str, times: int = 1) -> PaneState:
        """Wait until exactly `times` of its notices contain a text."""
        return self.wait(lambda now: sum(text in notice for notice in now.notices) == times)

    def wait_for_end(self, state: str = "complete") -> PaneState:
        """Wait until the generation has ended; fail if that is not in this state."""
        seen = self.wait(lambda now: now.has_ended)
        assert seen.state == state, seen
        return seen

    def element(self, role: str) -> WebElement:
        """Return the element with a `data-role`; of those in turns, the last one."""
        found = self._page.driver.find_elements("css selector", f'{self.selector} [data-role="{role}"]')
        assert found, f"{self.selector} has no {role}"
        return found[-1]

    def click(self, role: str) -> PaneState:
        """Click the button with a `data-role`; return what the pane shows at once."""
        return PaneState(**click(self.element(role), _READ_PANE, self.selector))

    def use(self, transport: str) -> None:
        """Select a transport: a running answer changes to it at once."""
        click(self._page.find(f"{self.selector} [data-choice={transport}]"))

    def snapshot(self) -> dict[str, Any]:
        """Return the gateway's snapshot of the generation that it shows."""
        return cast("dict[str, Any]", read_json(f"{self._page.url}/api/generations/{self.read().generation}"))


@dataclass
class Page:
    """The demo page of a gateway. It keeps console messages; `tolerate` excludes those that a test provokes."""

    driver: webdriver.Chrome
    url: str
    watched: str = ""
    """Id of a generation to watch."""
    tolerated: list[str] = field(default_factory=list)
    console: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._read_console()  # discards the messages of an earlier page
        self.driver.get(f"{self.url}/#{self.watched}" if self.watched else f"{self.url}/")
        self.sse = Pane(self, "sse")
        self.websocket = Pane(self, "websocket")
        self.panes = (self.sse, self.websocket)
        # If the gateway lists models, the page replaces its text field with a select; if not, it only requests them.
        lists_models = bool(read_json(f"{self.url}/api/models")["models"])
        has_select = "document.querySelector('select#model') !== null"
        has_requested = "performance.getEntriesByName(`${location.origin}/api/models`).length > 0"
        wait_until(
            lambda: self.run(f"return {has_select if lists_models else has_requested}"),
            lambda: f"the list of models; the console has {self.unexpected_messages()}",
        )

    def run(self, script: str, *arguments: object) -> Any:  # noqa: ANN401 - what the script returns
        """Run a script in the page; return what it returns."""
        return self.driver.execute_script(script, *arguments)

    def wait_for(self, script: str, *arguments: object) -> Any:  # noqa: ANN401 - the result of the script
        """Run a script that calls `done(result)`; return that result."""
        self.driver.set_script_timeout(DEADLINE_SECONDS)
        return self.driver.execute_async_script(f"const done = arguments[arguments.length - 1];\n{script}", *arguments)

    def find(self, selector: str) -> WebElement:
        """Return the first element that matches a CSS selector."""
        return self.driver.find_element("css selector", selector)

    def choose(self, setting: str, value: str) -> None:
        """Select the value of one of the simulator's settings, in the drawer."""
        click(self.find("#open-settings"))
        Select(self.find(f'[data-setting="{setting}"]')).select_by_value(value)
        click(self.find("#settings [data-close]"))

    def submit(self, prompt: str, *, model: str = "", on: str = "both") -> None:
        """Type a prompt and perhaps a model's name, and run it in one pane (its `home`) or in both."""
        for selector, text in (("#prompt", prompt), ("#model", model)):
            if text:
                field = self.find(selector)
                field.clear()
                field.send_keys(text)
        self.send(on)

    def send(self, on: str = "both") -> None:
        """Send the prompt in one pane (its `home`) or in both."""
        target = self.find("#target")
        if target.is_displayed():  # not on a phone
            Select(target).select_by_value(PANES.get(on, on))
        click(self.find("#send"))

    def press(self, *keys: str) -> None:
        """Send keys to the focused element; Control or Shift is held during the key that follows it."""
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
        """Return the focused element: the pane, if it is in one, and its role or id."""
        return str(
            self.run(
                "const at = document.activeElement;"
                "return [at.closest('.pane')?.dataset.pane, at.dataset.role ?? at.id].filter(Boolean).join(' ')"
            )
        )

    def set_size(self, width: int, height: int, *, mobile: bool = False) -> None:
        """Emulate a screen of this size in CSS pixels."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def set_colour_scheme(self, name: str) -> None:
        """Emulate the user's preference for a colour scheme, `light` or `dark`; "" resets it."""
        features = {"features": [{"name": "prefers-color-scheme", "value": name}]}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", features)

    def tolerate(self, pattern: str) -> None:
        """Add a pattern of console messages that the test itself provokes."""
        self.tolerated.append(pattern)

    def unexpected_messages(self) -> list[str]:
        """Return all console messages (errors, policy violations, warnings) that no tolerated pattern matches."""
        self.console += self._read_console()
        return [
            message for message in self.console if not any(re.search(pattern, message) for pattern in self.tolerated)
        ]

    def _read_console(self) -> list[str]:
        entries = self.driver.get_log("browser")  # type: ignore[no-untyped-call]
        return [f"{entry['level']} {entry['message']}" for entry in entries]

    def reset(self) -> None:
        """Interrupt what runs, forget it, and undo the emulation of a screen and a colour scheme."""
        self.run(
            "document.activeElement.blur(); document.dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape' }))"
        )
        for pane in self.panes:
            pane.wait(lambda seen: seen.has_ended or seen.state == "idle")
        # The tab would keep the conversation for the next page.
        self.run("document.querySelector('#new-conversation').click()")
        self.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        self.set_colour_scheme("")
