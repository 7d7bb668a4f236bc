"""Automatic checks of the demo page's accessibility by axe-core, in each of its main states, in light and dark."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.integration.browser import Page, click, wait_until
from tests.integration.npm import npm_set

SLOW = "sim?ttft=10&speed=600&length=60000&language=markdown&reasoning=120"
CALL = "sim?ttft=10&speed=2000&tool_calls=1&language=code&length=900"
FAULT = "sim?ttft=10&fault=400"
RUN = """
const describe = ({ target, failureSummary }) => `${target}: ${failureSummary}`;
axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) => {
  done(violations.map(({ id, impact, nodes }) => [id, impact, ...nodes.slice(0, 3).map(describe)]));
});
"""

RUN_COLOURS = RUN.replace("{ resultTypes", '{ runOnly: ["color-contrast", "link-in-text-block"], resultTypes')


def streaming(page: Page) -> None:
    page.submit("What speaks for streams?", model=SLOW)
    for pane in page.panes:
        pane.wait_for_text(beyond=900)


def stopped(page: Page) -> None:
    streaming(page)
    click(page.find("#stop-all"))
    for pane in page.panes:
        pane.wait_for_end("interrupted")


def with_a_tool_call(page: Page) -> None:
    page.submit("What is the weather?", model=CALL)
    for pane in page.panes:
        pane.wait_for_end()
    page.sse.click("share")


def failed(page: Page) -> None:
    page.submit("Go wrong.", model=FAULT)
    for pane in page.panes:
        pane.wait_for_end("error")
    click(page.find("#pane-left .problem summary"))


def with_the_drawer(page: Page) -> None:
    page.run("document.querySelector('#open-settings').hidden = false")
    click(page.find("#open-settings"))


def with_the_help(page: Page) -> None:
    page.press("?") if page.focused() != "prompt" else click(page.find("#open-help"))


def on_a_phone(page: Page) -> None:
    page.set_size(390, 844, mobile=True)
    streaming(page)


def idle(page: Page) -> None:
    assert page.sse.read().state == "idle"


@pytest.fixture(scope="session")
def axe() -> str:
    return npm_set("accessibility").file("axe-core/axe.min.js").read_text("utf-8")


def emulate(page: Page, scheme: str) -> None:
    # Only what is settled has its colours: transitions are over at once.
    media: Any = [
        {"name": "prefers-color-scheme", "value": scheme},
        {"name": "prefers-reduced-motion", "value": "reduce"},
    ]
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": media})


@pytest.mark.parametrize(
    "enter", [idle, streaming, stopped, with_a_tool_call, failed, with_the_drawer, with_the_help, on_a_phone]
)
def test_axe_finds_nothing(page: Page, axe: str, enter: Callable[[Page], None]) -> None:
    emulate(page, "light")
    enter(page)
    page.run(f"{axe};\nwindow.axe = axe;")
    wait_until(lambda: page.run("return typeof axe === 'object'"), lambda: "axe")
    found = {"light": page.wait_for(RUN)}
    # All that differs in the dark are the colours.
    emulate(page, "dark")
    found["dark"] = page.wait_for(RUN_COLOURS)
    assert found == {"light": [], "dark": []}
    page.run("for (const dialog of document.querySelectorAll('dialog[open]')) dialog.close()")
