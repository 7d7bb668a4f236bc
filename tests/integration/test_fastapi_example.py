"""examples/fastapi in real processes, operated in a real browser."""

import base64
import importlib.util
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome

from tests.integration import processes
from tests.integration.browser import click, read_json, wait_until
from tests.integration.processes import CHECKOUT, Server, TcpProxy, missing, serving

FOLDER = CHECKOUT / "examples/fastapi"
TOP_LEVEL = CHECKOUT / "gateway/client/top_level"
MODEL = "sim?speed=400&length=4000&ttft=0"


@pytest.fixture(scope="module")
def chat_gateway(simulator: Server) -> Iterator[Server]:
    settings = {"grace": 5, "rate_limit_per_minute": 0}
    with processes.gateway("--upstream", f"{simulator.url}/v1", "--model", MODEL, **settings) as server:
        yield server


def require_fastapi() -> None:
    """Skip the test if FastAPI is not installed."""
    if importlib.util.find_spec("fastapi") is None:
        missing("fastapi is not installed: the extra `test` has it")


@pytest.fixture(scope="module")
def app(chat_gateway: Server) -> Iterator[Server]:
    require_fastapi()
    command = [sys.executable, "-m", "uvicorn", "app:app", "--app-dir", str(FOLDER), "--port", "0"]
    path = os.pathsep.join(filter(None, (str(TOP_LEVEL), str(CHECKOUT), os.environ.get("PYTHONPATH"))))
    variables = {"DUALSTREAM_URL": chat_gateway.url, "PYTHONPATH": path}
    with serving(command, r"Uvicorn running on (http://\S+)", variables) as server:
        yield server


class ChatPage:
    """The page of the example."""

    def __init__(self, driver: Chrome, url: str) -> None:
        self.driver = driver
        driver.get(url)
        driver.delete_all_cookies()
        self.refresh()
        wait_until(lambda: self._is_shown("login"), self.turns)
        driver.find_element("id", "name").send_keys("Alice")
        click(driver.find_element("css selector", "#login button"))
        wait_until(lambda: self._is_shown("composer"), self.turns)

    def refresh(self) -> None:
        self.driver.refresh()

    def send(self, text: str) -> None:
        before = len(self.turns())
        self.driver.find_element("id", "question").send_keys(text)
        click(self.driver.find_element("id", "send"))
        wait_until(lambda: len(self.turns()) == before + 2, self.turns)

    def stop(self) -> None:
        click(self.driver.find_element("id", "stop"))

    def turns(self) -> list[tuple[str, str]]:
        """Return the kind and the text of each turn."""
        script = "return [...document.querySelectorAll('.turn')].map((turn) => [turn.className, turn.textContent])"
        return [(kind.removeprefix("turn "), text) for kind, text in self.driver.execute_script(script)]

    def wait_for_text(self, beyond: int) -> str:
        """Wait until the last turn streams, and is longer than this; return its text."""
        wait_until(lambda: self.turns() and len(self.turns()[-1][1]) > beyond, self.turns)
        kind, text = self.turns()[-1]
        assert kind == "assistant running", self.turns()
        return text

    def wait_for_end(self) -> None:
        wait_until(lambda: all(kind != "assistant running" for kind, _ in self.turns()), self.turns)

    def answer_id(self) -> str:
        """Return the id of the running answer."""
        return str(self.driver.execute_script("return fetch('/api/chat').then((found) => found.json())")["answer_id"])

    def screenshot(self, file: Path) -> None:
        picture = self.driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})
        file.write_bytes(base64.b64decode(picture["data"]))

    def _is_shown(self, name: str) -> bool:
        return bool(self.driver.find_element("id", name).is_displayed())


def test_several_turns_stop_and_refresh(
    driver: Chrome, app: Server, simulator: Server, count_closed_calls: Callable[[], int], tmp_path: Path
) -> None:
    page = ChatPage(driver, app.url)
    page.send("Why is the sky blue?")
    page.wait_for_text(300)
    page.stop()
    page.wait_for_end()
    wait_until(lambda: count_closed_calls() == 1, lambda: read_json(f"{simulator.url}/stats"))
    (_, question), (kind, stopped), note = page.turns()
    assert (question, kind, note) == ("Why is the sky blue?", "assistant", ("note", "Stopped."))
    assert 300 < len(stopped) < 4000

    page.send("And at sunset?")
    seen = page.wait_for_text(600)
    page.refresh()
    resumed = page.wait_for_text(len(seen))
    assert resumed.startswith(seen)
    page.screenshot(tmp_path / "fastapi.png")
    page.wait_for_end()
    assert [kind for kind, _ in page.turns()] == ["user", "assistant", "user", "assistant"]
    assert page.turns()[1][1] == stopped
    answer = page.turns()[3][1]
    assert (len(answer), "And at sunset?" in answer) == (4000, True)
    assert count_closed_calls() == 1

    page.refresh()
    wait_until(lambda: len(page.turns()) == 4, page.turns)
    assert page.turns()[3] == ("assistant", answer)


def test_a_lost_connection_loses_no_character(driver: Chrome, app: Server, chat_gateway: Server) -> None:
    with TcpProxy(app.url) as proxy:
        page = ChatPage(driver, proxy.url)
        page.send("Why is the sky blue?")
        answer_id = page.answer_id()
        for length in (200, 900):
            page.wait_for_text(length)
            assert proxy.cut() > 0
        page.wait_for_end()
        answer = page.turns()[-1][1]
    assert len(answer) == 4000
    assert answer == read_json(f"{chat_gateway.url}/api/generations/{answer_id}")["text"]


def test_a_message_during_an_answer_replaces_it(
    driver: Chrome, app: Server, count_closed_calls: Callable[[], int]
) -> None:
    page = ChatPage(driver, app.url)
    page.send("First")
    seen = page.wait_for_text(200)
    driver.execute_script(
        "const headers = { 'Content-Type': 'application/json' };"
        "return fetch('/api/messages', { method: 'POST', headers, body: JSON.stringify({ text: 'Second' }) });"
    )
    wait_until(lambda: count_closed_calls() == 1, page.turns)
    page.refresh()
    wait_until(lambda: len(page.turns()) == 4, page.turns)
    page.wait_for_end()
    (_, first), (_, partial), (_, second), (_, answer) = page.turns()
    assert (first, second) == ("First", "Second")
    assert partial.startswith(seen)
    assert "Second" in answer


def test_a_closed_tab_stops_the_provider(driver: Chrome, app: Server, count_closed_calls: Callable[[], int]) -> None:
    (first_tab,) = driver.window_handles
    driver.switch_to.new_window("tab")
    page = ChatPage(driver, app.url)
    page.send("Why is the sky blue?")
    page.wait_for_text(100)
    driver.close()
    driver.switch_to.window(first_tab)
    wait_until(lambda: count_closed_calls() == 1, lambda: "the provider still streams")


def test_nobody_else_reads_or_stops_an_answer(driver: Chrome, app: Server) -> None:
    page = ChatPage(driver, app.url)
    page.send("Why is the sky blue?")
    answer_id = page.answer_id()
    ChatPage(driver, app.url)
    status = "return fetch(arguments[0], {method: arguments[1]}).then(({ status }) => status)"
    assert driver.execute_script(status, f"/api/answers/{answer_id}/events", "GET") == 404
    assert driver.execute_script(status, f"/api/answers/{answer_id}/stop", "POST") == 404
    driver.delete_all_cookies()
    assert driver.execute_script(status, "/api/chat", "GET") == 401
    assert driver.execute_script(status, f"/api/answers/{answer_id}/events", "GET") == 401
