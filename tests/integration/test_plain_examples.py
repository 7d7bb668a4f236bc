"""examples/eventsource and examples/websocket: each page is one file, operated in a real browser at another origin."""

import json
import urllib.request
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler
from itertools import count
from typing import Any
from urllib.parse import urlencode

import pytest
from selenium.webdriver import Chrome

from tests.integration import processes
from tests.integration.browser import click, read_json, wait_until
from tests.integration.processes import CHECKOUT, Server, TcpProxy
from tests.integration.servers import http_server

EXAMPLES = ("eventsource", "websocket")
SLOW = "sim?ttft=0&speed=150&length=900&language=vietnamese"
_RUNS = count()


class _Files(SimpleHTTPRequestHandler):
    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - of the class above
        super().__init__(*args, directory=str(CHECKOUT / "examples"), **kwargs)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    with http_server(_Files) as origin:
        yield origin


@pytest.fixture(scope="module")
def open_gateway(site: str, simulator: Server) -> Iterator[Server]:
    """A gateway that the pages of that origin may use."""
    settings = {"allowed_origins": site, "rate_limit_per_minute": 0, "grace": 60}
    with processes.gateway("--upstream", f"{simulator.url}/v1", **settings) as server:
        yield server


class ChatPage:
    """The page of an example."""

    def __init__(self, driver: Chrome, site: str, example: str, gateway: str, model: str) -> None:
        self.driver = driver
        self.url = f"{site}/{example}/index.html?{urlencode({'gateway': gateway, 'model': model})}"
        driver.get(self.url)
        driver.execute_script("sessionStorage.clear()")
        driver.get(self.url)

    def send(self, text: str) -> None:
        before = len(self.turns())
        self.driver.find_element("id", "prompt").send_keys(text)
        click(self.driver.find_element("id", "send"))
        wait_until(lambda: len(self.turns()) > before, self.turns)

    def stop(self) -> None:
        click(self.driver.find_element("id", "stop"))

    def turns(self) -> list[tuple[str, str]]:
        script = "return [...document.querySelectorAll('li')].map((turn) => [turn.className, turn.textContent])"
        return [(kind, text) for kind, text in self.driver.execute_script(script)]

    @property
    def status(self) -> str:
        return str(self.driver.execute_script("return document.getElementById('status').textContent"))

    @property
    def saved(self) -> dict[str, Any]:
        saved: dict[str, Any] = json.loads(self.driver.execute_script("return sessionStorage.getItem(document.title)"))
        return saved

    def wait_for_text(self, beyond: int = 40) -> str:
        """Wait until an answer streams, and is longer than this; return the generation's id."""
        wait_until(lambda: self.turns()[-1][0] == "assistant running" and len(self.turns()[-1][1]) > beyond, self.turns)
        return str(self.saved["running"]["id"])

    def wait_for_end(self) -> str:
        """Wait until no answer runs; return the text of the last turn."""
        wait_until(lambda: self.saved["running"] is None, lambda: (self.status, self.turns()))
        return self.turns()[-1][1]


@pytest.fixture(params=EXAMPLES)
def example(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def snapshot(gateway: Server, generation_id: str) -> Any:  # noqa: ANN401 - JSON
    return read_json(f"{gateway.url}/api/generations/{generation_id}")


def test_a_conversation_of_several_turns(driver: Chrome, site: str, open_gateway: Server, example: str) -> None:
    page = ChatPage(driver, site, example, open_gateway.url, "sim-instant?length=200")
    for text in ("Why is the sky blue?", "And at sunset?"):
        page.send(text)
        assert text in page.wait_for_end()
    assert [kind for kind, _ in page.turns()] == ["user", "assistant"] * 2
    assert [message["role"] for message in page.saved["messages"]] == ["user", "assistant"] * 2
    assert page.status == ""


def test_the_stop_button(driver: Chrome, site: str, open_gateway: Server, example: str) -> None:
    page = ChatPage(driver, site, example, open_gateway.url, SLOW)
    page.send("Hello")
    generation_id = page.wait_for_text()
    page.stop()
    text = page.wait_for_end()
    assert page.status == "Stopped."
    stopped = snapshot(open_gateway, generation_id)
    assert (stopped["state"], stopped["text"]) == ("interrupted", text)
    assert len(text) < 900
    page.send("Go on")
    assert page.wait_for_text() != generation_id
    page.stop()
    page.wait_for_end()


def test_a_refresh_goes_on_where_the_page_was(driver: Chrome, site: str, open_gateway: Server, example: str) -> None:
    page = ChatPage(driver, site, example, open_gateway.url, SLOW)
    page.send("Hello")
    generation_id = page.wait_for_text()
    for _ in range(2):
        driver.refresh()
        assert page.wait_for_text() == generation_id
    text = page.wait_for_end()
    assert text == snapshot(open_gateway, generation_id)["text"]
    assert len(text) == 900
    driver.refresh()
    assert [kind for kind, _ in page.turns()] == ["user", "assistant"]


def test_a_lost_connection_is_resumed(driver: Chrome, site: str, open_gateway: Server, example: str) -> None:
    with TcpProxy(open_gateway.url) as proxy:
        page = ChatPage(driver, site, example, proxy.url, SLOW)
        page.send("Hello")
        generation_id = page.wait_for_text()
        proxy.cut()
        wait_until(lambda: page.status == "Reconnecting …", lambda: page.status)
        text = page.wait_for_end()
    assert text == snapshot(open_gateway, generation_id)["text"]


def test_a_revision_replaces_the_text(driver: Chrome, site: str, open_gateway: Server, example: str) -> None:
    page = ChatPage(driver, site, example, open_gateway.url, SLOW)
    page.send("Hello")
    generation_id = page.wait_for_text()
    address = f"{open_gateway.url}/api/generations/{generation_id}/feedback"
    feedback = urllib.request.Request(
        address, json.dumps({"text": "in other words"}).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(feedback, timeout=10):
        pass
    text = page.wait_for_end()
    found = snapshot(open_gateway, generation_id)
    assert (found["revision"], found["text"]) == (2, text)


def test_a_retryable_error_starts_the_turn_again(driver: Chrome, site: str, open_gateway: Server, example: str) -> None:
    model = f"{SLOW}&length=200&fault=drop&after=10&times=1&run={example}{next(_RUNS)}"
    page = ChatPage(driver, site, example, open_gateway.url, model)
    page.send("Hello")
    wait_until(lambda: "Trying again" in page.status, lambda: page.status)
    text = page.wait_for_end()
    assert len(text) == 200
    assert [kind for kind, _ in page.turns()] == ["user", "assistant"]


def test_a_final_error_is_shown(driver: Chrome, site: str, open_gateway: Server, example: str) -> None:
    page = ChatPage(driver, site, example, open_gateway.url, "sim?fault=401")
    page.send("Hello")
    page.wait_for_end()
    wait_until(lambda: page.status, page.turns)
    assert [kind for kind, _ in page.turns()] == ["user"]
    assert "undefined" not in page.status


def test_an_answer_that_the_gateway_has_lost_keeps_its_text(
    driver: Chrome, site: str, open_gateway: Server, example: str
) -> None:
    with (
        TcpProxy(open_gateway.url) as proxy,
        processes.gateway(allowed_origins=site) as restarted,
    ):
        page = ChatPage(driver, site, example, proxy.url, SLOW)
        page.send("Hello")
        page.wait_for_text()
        proxy.redirect(restarted.url)
        proxy.cut()
        text = page.wait_for_end()
        assert 40 < len(text) < 900
        assert page.status.startswith("There is no generation")
        page.send("Once more")
        page.wait_for_text()
        page.stop()
        page.wait_for_end()
