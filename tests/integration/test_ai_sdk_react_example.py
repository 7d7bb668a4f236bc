"""examples/ai-sdk-react: built with Vite, and operated in a real browser."""

import base64
import json
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from tests.integration import npm, processes
from tests.integration.browser import read_json, wait_until
from tests.integration.npm import node22, npm_set
from tests.integration.processes import CHECKOUT, Server, TcpProxy, serving

EXAMPLE = CHECKOUT / "examples/ai-sdk-react"
MODEL = "sim?speed=400&length=4000&ttft=0"
SETS = ("chat_uis", "vite")


@pytest.fixture(scope="module")
def chat_gateway(simulator: Server) -> Iterator[Server]:
    settings = {"grace": 30, "rate_limit_per_minute": 0}
    with processes.gateway("--upstream", f"{simulator.url}/v1", "--model", MODEL, **settings) as server:
        yield server


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the example that is built."""
    folder = tmp_path_factory.mktemp("example") / "ai-sdk-react"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("node_modules", "dist"))
    for name in SETS:
        for package in npm_set(name).node_modules.iterdir():
            link = folder / "node_modules" / package.name
            link.parent.mkdir(exist_ok=True)
            if not link.exists():
                link.symlink_to(package)
    done = subprocess.run(
        [*_vite(folder), "build"], cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def _vite(folder: Path) -> list[str]:
    return [node22(), str(folder / "node_modules/vite/bin/vite.js")]


@contextmanager
def site(folder: Path, gateway: str) -> Iterator[str]:
    """Serve the built page before a gateway; yield its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        *_vite(folder),
        "preview",
        str(folder),
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--strictPort",
        "--bypass-lock",
    ]
    with serving(command, r"Local:\s+(http://127[\d.:]+)", {"GATEWAY": gateway, "NO_COLOR": "1"}) as server:
        yield server.url


@pytest.fixture(scope="module")
def address(built: Path, chat_gateway: Server) -> Iterator[str]:
    with site(built, chat_gateway.url) as url:
        yield url


class ChatPage:
    """The page of the example."""

    def __init__(self, driver: Chrome, url: str) -> None:
        self.driver = driver
        driver.get(url)
        # A further page of the same address differs in the fragment alone.
        driver.execute_script("location.hash = ''; location.reload()")
        wait_until(lambda: driver.find_elements("id", "question"), self.turns)

    def send(self, text: str) -> None:
        self.driver.find_element("id", "question").send_keys(text)
        self.click("Send")

    def click(self, name: str) -> None:
        def found() -> bool:
            buttons = [b for b in self.driver.find_elements(By.TAG_NAME, "button") if b.text == name]
            for button in buttons[:1]:
                button.click()
            return bool(buttons)

        wait_until(found, self.turns)

    def turns(self) -> list[tuple[str, str]]:
        """Return the role and the text of each message."""
        script = (
            "return [...document.querySelectorAll('li')].map((item) => [item.className,"
            " [...item.querySelectorAll('p')].map((each) => each.textContent).join('')])"
        )
        return [(role, text) for role, text in self.driver.execute_script(script)]

    @property
    def status(self) -> str:
        return str(self.driver.find_element(By.CSS_SELECTOR, "[role=status]").text)

    def figures(self) -> str:
        """Return what the last message says of its answer."""
        found = self.driver.find_elements(By.CSS_SELECTOR, "li:last-child small")
        return str(found[0].text) if found else ""

    def wait_for_text(self, beyond: int) -> str:
        wait_until(lambda: self.turns() and self.turns()[-1][0] == "assistant", self.turns)
        wait_until(lambda: len(self.turns()[-1][1]) > beyond, self.turns)
        return self.turns()[-1][1]

    def wait_for_end(self) -> None:
        wait_until(lambda: self.figures() and not self.status, lambda: (self.status, self.turns()))

    def screenshot(self, file: Path) -> None:
        picture = self.driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})
        file.write_bytes(base64.b64decode(picture["data"]))


def test_its_packages_are_those_that_are_tested() -> None:
    package = json.loads((EXAMPLE / "package.json").read_text("utf-8"))
    tested = {name: version for each in SETS for name, version in npm.pins(each).items()}
    wanted = {**package["dependencies"], **package["devDependencies"]}
    assert wanted == {name: tested[name] for name in wanted}


@pytest.mark.timeout(180)
def test_several_turns_stop_and_refresh(
    driver: Chrome, address: str, simulator: Server, count_closed_calls: Callable[[], int], tmp_path: Path
) -> None:
    page = ChatPage(driver, address)
    page.send("Why is the sky blue?")
    page.wait_for_text(300)
    page.click("Stop")
    page.wait_for_end()
    wait_until(lambda: count_closed_calls() == 1, lambda: read_json(f"{simulator.url}/stats"))
    (_, question), (_, stopped) = page.turns()
    assert question == "Why is the sky blue?"
    assert 300 < len(stopped) < 4000

    page.send("And at sunset?")
    seen = page.wait_for_text(600)
    driver.refresh()
    resumed = page.wait_for_text(len(seen))
    assert resumed.startswith(seen)
    page.screenshot(tmp_path / "ai-sdk-react.png")
    page.wait_for_end()
    assert [role for role, _ in page.turns()] == ["user", "assistant", "user", "assistant"]
    assert page.turns()[1][1] == stopped
    assert len(page.turns()[3][1]) == 4000
    assert count_closed_calls() == 1

    # What is whole is not read again.
    answer = page.turns()[3][1]
    driver.refresh()
    wait_until(lambda: len(page.turns()) == 4, page.turns)
    assert (page.turns()[3][1], page.status) == (answer, "")


@pytest.mark.timeout(180)
def test_a_lost_connection_loses_no_character(driver: Chrome, address: str) -> None:
    with TcpProxy(address) as proxy:
        page = ChatPage(driver, proxy.url)
        page.send("Why is the sky blue?")
        for length in (200, 900):
            page.wait_for_text(length)
            assert proxy.cut() > 0
        page.wait_for_end()
        answers = [text for role, text in page.turns() if role == "assistant"]
    assert [len(text) for text in answers] == [4000]


@pytest.mark.timeout(180)
def test_feedback_replaces_the_text(driver: Chrome, address: str, count_closed_calls: Callable[[], int]) -> None:
    page = ChatPage(driver, address)
    page.send("Why is the sky blue?")
    page.wait_for_text(200)
    page.click("Shorter")
    wait_until(lambda: count_closed_calls() == 1, page.turns)
    page.wait_for_end()
    assert "revision 2" in page.figures()
    ((_, question), (_, answer)) = page.turns()
    assert (question, len(answer) < 2000) == ("Why is the sky blue?", True)
    driver.refresh()
    wait_until(lambda: len(page.turns()) == 2, page.turns)
    assert page.turns()[1][1] == answer


@pytest.mark.timeout(180)
def test_a_gateway_that_is_away_is_an_error_and_may_be_tried_again(
    driver: Chrome, built: Path, chat_gateway: Server
) -> None:
    with TcpProxy(chat_gateway.url) as proxy, site(built, proxy.url) as url:
        page = ChatPage(driver, url)
        with proxy.down():
            page.send("Why is the sky blue?")
            wait_until(lambda: driver.find_elements(By.CSS_SELECTOR, "[role=alert]"), page.turns)
        page.click("Try again")
        assert page.wait_for_text(20)
        page.click("Stop")
        page.wait_for_end()
