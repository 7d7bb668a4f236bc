"""The operator's console in Chromium, over a gateway with keys, clients, and an hour behind it."""

import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome, Keys

from tests.integration.browser import click
from tests.integration.console.clients import reading
from tests.integration.console.page import ConsolePage, scene
from tests.integration.console.scene import KEYS
from tests.integration.npm import npm_set
from tests.integration.processes import Server, TcpProxy

LONG = (("alice", "gpt-4.1", "sse", None), ("support", "claude-sonnet-4", "websocket", None))
"""Answers that run for a minute."""

POINT_AT = """
const plot = document.querySelector(arguments[0]).querySelector('.plot');
const { left, top, width } = plot.getBoundingClientRect();
plot.dispatchEvent(new PointerEvent('pointermove', { clientX: left + width / 2, clientY: top + 20 }));
"""
RUN_AXE = """
const done = arguments[arguments.length - 1];
const describe = ({ target, failureSummary }) => `${target}: ${failureSummary}`;
axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) => {
  done(violations.map(({ id, nodes }) => [id, ...nodes.slice(0, 3).map(describe)]));
});
"""


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with scene(tmp_path_factory.mktemp("scene")) as server, reading(server.url):
        yield server


@pytest.fixture
def console(driver: Chrome, gateway: Server) -> Iterator[ConsolePage]:
    page = ConsolePage(driver, gateway.url)
    page.emulate(1440, 900, "light")
    page.messages()
    yield page
    page.close_dialogs()
    # Refused requests are messages, too: the page made them to learn whether it may.
    assert [message for message in page.messages() if "status of 4" not in message] == []


def test_it_asks_for_a_key_and_takes_only_that_of_an_operator(console: ConsolePage) -> None:
    console.wait("!document.querySelector('#entry').hidden")
    assert "only with a key" in console.text("#entry-reason")
    assert console.run("return document.activeElement.id") == "key"
    console.find("#key").send_keys(KEYS["alice"][0].text(), Keys.ENTER)
    console.wait("document.querySelector('#entry-reason').innerText.includes('may not use')")
    console.find("#key").send_keys(KEYS["ops"][0].text(), Keys.ENTER)
    console.wait("document.body.dataset.loaded === 'true'")
    assert console.run("return Object.values(localStorage).length") == 0
    click(console.find("#forget-key"))
    console.wait("!document.querySelector('#entry').hidden")


def test_it_shows_what_runs_and_watches_and_stops_one(console: ConsolePage, gateway: Server) -> None:
    console.sign_in()
    with reading(gateway.url, LONG):
        console.find("#filter-running").send_keys("alice")
        console.open_answer("gpt-4.1")
        before = len(console.wait("document.querySelector('.answer-text').innerText"))
        console.wait(f"document.querySelector('.answer-text').innerText.length > {before} + 40")
        facts = console.text(".facts-grid")
        assert "key:alice" in facts
        assert "1 SSE" in facts
        click(console.find("#detail .stop"))
        console.wait("document.querySelector('#detail .end-badge').innerText === 'Interrupted'")
        console.wait("document.querySelector('.facts-grid').innerText.includes('Interrupted by')")
        assert "stopped in the console" in console.text("#detail .message")
        assert console.run("return document.querySelector('#detail .stop').hidden")
        # Escape closes it, and the focus is back in the page.
        console.find("#detail-title").send_keys(Keys.ESCAPE)
        console.wait("!document.querySelector('#detail').open")


def test_the_hour_has_values_at_the_pointer_and_as_a_table(console: ConsolePage) -> None:
    console.sign_in()
    console.wait("document.querySelectorAll('.chart-card .t-line').length >= 3")
    card = ".chart-card[data-chart='ttft']"
    assert "median" in console.text(card)
    console.run(POINT_AT, card)
    assert "Median" in console.text(f"{card} .hover")
    click(console.find(f"{card} summary"))
    console.wait(f'document.querySelectorAll("{card} tbody tr").length > 50')
    names = console.run(
        "return [...document.querySelectorAll('.plot svg')].map((one) => one.getAttribute('aria-label'))"
    )
    assert len([name for name in names if name and name.endswith(".")]) >= 6


def test_ends_are_filtered_and_opened_with_their_attempts(console: ConsolePage) -> None:
    console.sign_in()
    console.show("ends")
    console.wait("Boolean(document.querySelector('#end-filters [data-code=invalid_request]'))")
    click(console.find("#end-filters [data-code=invalid_request]"))
    badges = console.run("return [...document.querySelectorAll('#ends .end-badge')].map((one) => one.innerText)")
    assert set(badges) == {"invalid_request"}
    click(console.find("#end-filters [data-code=all]"))
    console.open_answer("gpt-4.1-mini", "#ends")
    label = console.wait("document.querySelector('.attempts .chart-drawing').getAttribute('aria-label')")
    assert "server_error" in label
    assert "azure" in label
    console.wait("document.querySelector('.answer-text').innerText.includes('You asked')")


def test_a_key_is_created_shown_once_and_revoked(console: ConsolePage, gateway: Server) -> None:
    console.sign_in()
    console.show("keys")
    console.wait("document.querySelectorAll('#keys tbody tr').length === 5")
    click(console.find("#new-key"))
    console.find("#sheet input[name=name]").send_keys("newcomer")
    console.find("#sheet input[name=budget_per_day]").send_keys("2.5")
    click(console.find("#sheet button[type=submit]"))
    secret = console.wait("document.querySelector('#sheet input[name=secret]')?.value")
    request = urllib.request.Request(f"{gateway.url}/api/models", headers={"Authorization": f"Bearer {secret}"})
    with urllib.request.urlopen(request, timeout=10) as response:
        assert response.status == 200
    console.run("document.querySelector('#sheet .sheet-actions button').click()")
    console.wait("document.querySelector('#keys').innerText.includes('of $2.50')")
    assert console.run("return document.querySelector('#sheet').open") is False
    console.run("document.querySelector('[aria-label=\"Revoke newcomer\"]').click()")
    click(console.find("#sheet button[type=submit]"))
    console.wait("!document.querySelector('#keys').innerText.includes('newcomer')")


def test_it_says_that_the_connection_is_lost_and_comes_back(driver: Chrome, gateway: Server) -> None:
    with TcpProxy(gateway.url) as proxy:
        console = ConsolePage(driver, proxy.url)
        console.sign_in()
        with proxy.down():
            console.wait("document.body.dataset.link === 'lost'")
            assert "Reconnecting" in console.text(".link-state")
        console.wait("document.body.dataset.link === 'live'")
        console.messages()


def drawer(console: ConsolePage) -> None:
    console.open_answer("claude-sonnet-4")
    console.wait("document.querySelector('.answer-text').innerText.length > 40")


def ends(console: ConsolePage) -> None:
    console.show("ends")
    console.wait("document.querySelectorAll('#ends tbody tr').length > 3")


def keys(console: ConsolePage) -> None:
    console.show("keys")
    console.wait("document.querySelectorAll('#keys tbody tr').length > 3")


def new_key(console: ConsolePage) -> None:
    keys(console)
    click(console.find("#new-key"))


def phone(console: ConsolePage) -> None:
    console.emulate(390, 844, "light")


def live(console: ConsolePage) -> None:
    console.wait("document.querySelectorAll('.live-rows tbody tr').length > 1")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(console: ConsolePage, gateway: Server, scheme: str) -> None:
    axe = npm_set("accessibility").file("axe-core/axe.min.js").read_text("utf-8")
    console.driver.set_script_timeout(30)
    found = {}
    with reading(gateway.url, LONG):
        # The colours are those of all states: in dark, the others have nothing new.
        states: tuple[Callable[[ConsolePage], None] | None, ...] = (None, live, drawer, ends, new_key, phone)
        states = states if scheme == "light" else states[1:4]
        for enter in states:
            console.emulate(1440, 900, scheme)
            if enter is live:
                console.sign_in()
            if enter is not None:
                console.close_dialogs()
                console.run("location.hash = 'live'")
                enter(console)
            console.run(f"if (!window.axe) {{ {axe};\nwindow.axe = axe; }}")
            violations = console.driver.execute_async_script(RUN_AXE)
            if violations:
                found[enter.__name__ if enter else "entry"] = violations
    assert found == {}


def test_no_file_comes_from_elsewhere() -> None:
    page = (Path(__file__).parents[2] / "static" / "console.html").read_text("utf-8")
    assert "http:" not in page.replace("http://www.w3.org", "")
    assert "https:" not in page
