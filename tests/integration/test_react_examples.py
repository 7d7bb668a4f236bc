"""examples/ai-sdk-react and examples/react-hook: checked, built, and operated in a real browser."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Final

import pytest
from selenium.webdriver import Chrome

from tests.integration import npm, processes
from tests.integration.browser import read_json, wait_until
from tests.integration.javascript.project import Project
from tests.integration.processes import Server, TcpProxy
from tests.integration.react_examples import EXAMPLES, FOLDER, SETS, ChatPage, build, check_types, create_project, site

SLOW: Final = "sim?ttft=0&speed=300&length=1200&language=vietnamese"
FAST: Final = "sim?ttft=0&speed=4000&length=200"
_RUNS = count()

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, archive: Path) -> Project:
    project = create_project(tmp_path_factory.mktemp("examples"), archive)
    for example in EXAMPLES:
        build(project, example)
    return project


@pytest.fixture(scope="module")
def way(simulator: Server) -> Iterator[TcpProxy]:
    """The way from the pages' server to the gateway, which a test may cut. One answer runs at a time."""
    settings = {"grace": 60, "rate_limit_per_minute": 0, "max_concurrent": 1}
    with (
        processes.gateway("--upstream", f"{simulator.url}/v1", **settings) as server,
        TcpProxy(server.url) as proxy,
    ):
        yield proxy


@pytest.fixture(scope="module")
def sites(project: Project, way: TcpProxy) -> Iterator[Mapping[str, str]]:
    with ExitStack() as stack:
        yield {example: stack.enter_context(site(project, example, way.url)) for example in EXAMPLES}


@pytest.fixture(params=EXAMPLES)
def example(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def url(sites: Mapping[str, str], example: str) -> str:
    return sites[example]


def text_of(gateway: TcpProxy, page: ChatPage) -> str:
    """Return the text of the page's last generation, as the gateway has it."""
    return str(read_json(f"{gateway.url}/api/generations/{page.generation}")["text"])


def test_their_packages_are_those_that_are_tested(example: str) -> None:
    package = json.loads((FOLDER / example / "package.json").read_text("utf-8"))
    tested = {name: f"^{version}" for each in SETS for name, version in npm.pins(each).items()}
    wanted = {**package["dependencies"], **package["devDependencies"]}
    wanted.pop("dualstream", None)
    assert wanted == {name: tested[name] for name in wanted}


def test_their_types_are_right(project: Project, example: str) -> None:
    assert check_types(project, example) == []


def test_several_turns_a_stop_and_a_refresh(
    driver: Chrome, url: str, way: TcpProxy, simulator: Server, count_closed_calls: Callable[[], int]
) -> None:
    page = ChatPage(driver, url, SLOW)
    page.send("Why is the sky blue?")
    page.wait_for_text(200)
    page.click("Stop")
    stopped = page.wait_for_end()
    assert stopped == text_of(way, page)
    wait_until(lambda: count_closed_calls() == 1, lambda: read_json(f"{simulator.url}/stats"))
    assert 200 < len(stopped) < 1200

    page.send("And at sunset?")
    seen = page.wait_for_text(300)
    page.refresh()
    assert page.wait_for_text(len(seen)).startswith(seen)
    answer = page.wait_for_end()
    assert (len(answer), "And at sunset?" in answer) == (1200, True)
    assert answer == text_of(way, page)
    turns = [
        ("user", "Why is the sky blue?"),
        ("assistant", stopped),
        ("user", "And at sunset?"),
        ("assistant", answer),
    ]
    assert page.turns() == turns
    assert count_closed_calls() == 1
    # What is whole is not read again.
    page.refresh()
    wait_until(lambda: page.turns() == turns, page.describe)
    assert (page.status, page.error) == ("", "")


@pytest.mark.parametrize("is_cut_behind", [False, True], ids=["page", "gateway"])
def test_a_lost_connection_loses_no_character(driver: Chrome, url: str, way: TcpProxy, *, is_cut_behind: bool) -> None:
    """Between the page and its server; and between that and the gateway, which Vite may hide from the page."""
    with TcpProxy(url) as proxy:
        page = ChatPage(driver, proxy.url, f"{SLOW}&speed=600")
        page.send("Why is the sky blue?")
        for length in (100, 500):
            page.wait_for_text(length)
            assert (way if is_cut_behind else proxy).cut() > 0
        answer = page.wait_for_end()
    assert [role for role, _ in page.turns()] == ["user", "assistant"]
    assert (len(answer), answer) == (1200, text_of(way, page))


def test_feedback_replaces_the_text(driver: Chrome, url: str, count_closed_calls: Callable[[], int]) -> None:
    page = ChatPage(driver, url, SLOW)
    page.send("Why is the sky blue?")
    page.wait_for_text(200)
    page.click("Shorter")
    wait_until(lambda: count_closed_calls() == 1, page.describe)
    answer = page.wait_for_end()
    assert "revision 2" in page.figures
    assert 0 < len(answer) < 1200
    page.refresh()
    wait_until(lambda: page.answer == answer, page.describe)


def test_an_error_may_be_tried_again_and_an_answer_generated_once_more(driver: Chrome, url: str, example: str) -> None:
    page = ChatPage(driver, url, f"{FAST}&fault=drop&after=10&times=1&run=retried-{example}{next(_RUNS)}")
    page.send("Why is the sky blue?")
    wait_until(lambda: page.error, page.describe)
    page.click("Try again")
    answer = page.wait_for_end()
    assert (len(answer), page.error) == (200, "")
    calls = page.driver.execute_script("return performance.getEntriesByType('resource').length")
    page.click("Regenerate")
    script = "return performance.getEntriesByType('resource').length"
    wait_until(lambda: page.driver.execute_script(script) > calls, page.describe)
    assert len(page.wait_for_end()) == 200
    assert [role for role, _ in page.turns()] == ["user", "assistant"]


def test_a_gateway_that_is_away_is_an_error(driver: Chrome, sites: Mapping[str, str], way: TcpProxy) -> None:
    page = ChatPage(driver, sites["ai-sdk-react"], SLOW)
    with way.down():
        page.send("Why is the sky blue?")
        wait_until(lambda: page.error, page.describe)
    page.click("Try again")
    page.wait_for_text(20)
    page.click("Stop")
    page.wait_for_end()


def test_reasoning_and_a_tool_of_the_page(driver: Chrome, url: str) -> None:
    page = ChatPage(driver, url, f"{FAST}&reasoning=150&tool_calls=1")
    page.send("What time is it?")
    wait_until(lambda: len(page.answer) >= 200, page.describe)
    page.wait_for_end()
    assert page.text(".tool code").replace(" ", "") == 'current_time({"style":"full"})'
    assert " at " in page.text(".tool span")
    assert len(page.text("details")) > 150
    assert driver.execute_script("return document.querySelector('details').open") is False
    page.send("Thank you")
    page.wait_for_end()


def test_a_refresh_and_a_lost_connection_after_the_result_of_a_tool(driver: Chrome, url: str) -> None:
    with TcpProxy(url) as proxy:
        page = ChatPage(driver, proxy.url, f"{SLOW}&length=450&tool_calls=1")
        page.send("What time is it?")

        def seen() -> int:
            return sum(len(text) for role, text in page.turns() if role == "assistant")

        wait_until(lambda: seen() > 500, page.describe)
        assert proxy.cut() > 0
        wait_until(lambda: seen() > 600, page.describe)
        page.refresh()
        wait_until(lambda: seen() == 900 and page.text("form > button") == "Send", page.describe)
        page.refresh()
        wait_until(lambda: seen() == 900, page.describe)
    assert " at " in page.text(".tool span")


def test_a_place_in_the_queue(driver: Chrome, url: str, way: TcpProxy) -> None:
    with ExitStack() as stack:
        answering = ChatPage(driver, url, f"{SLOW}&length=900")
        answering.send("First")
        answering.wait_for_text(20)
        (first,) = driver.window_handles
        driver.switch_to.new_window("window")
        stack.callback(driver.switch_to.window, first)
        stack.callback(driver.close)
        page = ChatPage(driver, url, FAST)
        page.send("Second")
        wait_until(lambda: page.status == "Place 1 in the queue", page.describe)
        page.wait_for_end()


def test_the_transport_may_change_while_an_answer_runs(driver: Chrome, sites: Mapping[str, str], way: TcpProxy) -> None:
    page = ChatPage(driver, sites["react-hook"], SLOW)
    page.send("Why is the sky blue?")
    for transport, length in (("WebSocket", 100), ("SSE", 500), ("WebSocket", 900)):
        page.wait_for_text(length)
        page.click(transport)
    answer = page.wait_for_end()
    assert (len(answer), answer) == (1200, text_of(way, page))
    page.refresh()
    assert page.text("label:has(:checked)") == "WebSocket"
