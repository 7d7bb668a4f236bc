"""What the demo page measures, against what the gateway and the network know."""

import json
import re
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from selenium.webdriver import Chrome

from tests.integration.browser import DEADLINE_SECONDS, Page, Pane, click, wait_until
from tests.integration.processes import Server
from tests.integration.recording_proxy import Exchange, Recording, exchanges, recording_proxy

HOMES = ("sse", "websocket")
SHORT = "sim?ttft=0&speed=600&length=1200&language=emoji"
LONG = "sim?ttft=0&speed=250&length=60000"
RETRY_FIELD = b"retry: 500\n"

_RUNS = """
    const { history } = document.querySelector("#ask").page;
    return history.runs(arguments[0]).map(({ gaps, ...run }) => ({ ...run, gaps: gaps.length }));
"""


@pytest.fixture(autouse=True)
def forget_runs(driver: Chrome, open_page: Callable[[str], Page]) -> Iterator[None]:
    """Clear the runs, which the page keeps in the tab that all tests share, before `open_page` leaves it.

    A page measures a run to its end some 0.4 s after the answer: what it would keep after this is not kept.
    """
    yield
    driver.execute_script("sessionStorage.clear(); Storage.prototype.setItem = () => {};")


def pane_of(page: Page, home: str) -> Pane:
    return {pane.home: pane for pane in page.panes}[home]


def wait_for_runs(page: Page, transport: str, count: int = 1) -> list[dict[str, Any]]:
    """Wait until so many runs of a transport are measured; return their figures."""

    def read() -> list[dict[str, Any]]:
        runs: list[dict[str, Any]] = page.run(_RUNS, transport)
        return runs if len(runs) >= count else []

    return wait_until(read, lambda: f"{count} runs of {transport}; {page.run(_RUNS, transport)}")


def last_event(page: Page, pane: Pane) -> dict[str, Any]:
    """Return the terminal event of the generation that a pane shows, from the gateway's log."""
    url = f"{page.url}/api/generations/{pane.read().generation}/events"
    with urllib.request.urlopen(url, timeout=DEADLINE_SECONDS) as response:
        lines = response.read().decode().splitlines()
    event: dict[str, Any] = json.loads([line for line in lines if line.startswith("data: ")][-1].removeprefix("data: "))
    return event


def click_measure(page: Page) -> None:
    page.run("document.querySelector('#measure').scrollIntoView({ block: 'center' })")
    click(page.find("#measure"))


def all_exchanges(recordings: list[Recording]) -> list[Exchange]:
    return [exchange for recording in recordings for exchange in exchanges(recording)]


def test_bytes_over_sse_are_those_on_the_network(open_page: Callable[[str], Page], gateway: Server) -> None:
    with recording_proxy(gateway.url) as (url, recordings):
        page = open_page(url)
        page.submit("Xin chào 👋🏽", model=SHORT, on="sse")
        page.sse.wait_for_end()
        [run] = wait_for_runs(page, "sse")
        found = all_exchanges(recordings)
        [start] = [one for one in found if (one.method, one.path) == ("POST", "/api/generations")]
        [stream] = [one for one in found if one.path.split("?")[0].endswith("/events")]
        assert run["bytesOut"] == len(start.request_body)
        # The browser reports the size of the stream only if it had read its end before the page closed it.
        assert len(start.body) + len(stream.body) - run["bytesIn"] in {0, len(RETRY_FIELD)}
        assert run["textEvents"] == stream.body.count(b'data: {"type":"chunk"')
        assert run["textBytes"] == len(page.sse.read().text.encode())
        assert run["handshake"]["requests"] == 2
        assert [step["label"] for step in run["handshake"]["steps"]][:3] == ["POST", "stream", "event"]


def test_bytes_over_websocket_are_those_on_the_network(open_page: Callable[[str], Page], gateway: Server) -> None:
    with recording_proxy(gateway.url) as (url, recordings):
        page = open_page(url)
        page.submit("Xin chào 👋🏽", model=SHORT, on="websocket")
        page.websocket.wait_for_end()
        [run] = wait_for_runs(page, "websocket")
        [socket] = [one for one in all_exchanges(recordings) if one.status == 101]
        assert run["bytesIn"] == len(socket.body)
        assert run["bytesOut"] == len(socket.upgraded)
        assert run["textEvents"] == socket.body.count(b'"type":"chunk"')
        assert run["textBytes"] == len(page.websocket.read().text.encode())
        # The next answer finds the socket open.
        page.submit("Again", on="websocket")
        second = wait_for_runs(page, "websocket", 2)[1]
        assert (run["opened"], second["opened"]) == (True, False)
        assert (run["handshake"]["roundTrips"], second["handshake"]["roundTrips"]) == (2, 1)
        assert len([one for one in all_exchanges(recordings) if one.status == 101]) == 1


def test_bytes_of_long_polls_are_those_on_the_network(open_page: Callable[[str], Page], gateway: Server) -> None:
    with recording_proxy(gateway.url) as (url, recordings):
        page = open_page(url)
        page.run("document.querySelector('#pane-left [data-choice=poll]').click()")
        page.submit("Xin chào 👋🏽", model=SHORT, on="sse")
        page.sse.wait_for_end()
        [run] = wait_for_runs(page, "poll")
        found = all_exchanges(recordings)
        [start] = [one for one in found if (one.method, one.path) == ("POST", "/api/generations")]
        polls = [one for one in found if "/poll" in one.path and one.path.startswith("/api/")]
        assert len(polls) > 1
        assert run["bytesIn"] == len(start.body) + sum(one.head + len(one.body) for one in polls)
        assert run["textEvents"] == sum(one.body.count(b'"type":"chunk"') for one in polls)
        assert run["textBytes"] == len(page.sse.read().text.encode())


def test_what_differs_is_one_click_away(page: Page) -> None:
    click(page.find("#open-differences"))
    assert page.focused() == "differences-title"
    wait_until(lambda: page.find("#measure").is_displayed(), lambda: "the button that measures")


@pytest.mark.parametrize("home", HOMES)
def test_a_stop_is_the_big_figure_and_includes_the_gateways_own_time(page: Page, home: str) -> None:
    pane = pane_of(page, home)
    page.submit("Tell me everything.", model=LONG, on=home)
    pane.wait_for_text()
    pane.click("interrupt")
    pane.wait_for_end("interrupted")
    run = wait_for_runs(page, home)[-1]
    cancel_ms = last_event(page, pane)["cancel_ms"]
    assert run["cancelMs"] == cancel_ms
    assert run["stopMs"] >= cancel_ms
    figure = page.run("return document.querySelector(arguments[0] + ' .big-figure').innerText", pane.selector)
    assert re.match(r"[\d.]+ m?s\s+from your click to the last event", figure), figure


@pytest.mark.parametrize("home", HOMES)
def test_after_a_broken_connection_the_text_is_compared(page: Page, home: str) -> None:
    pane = pane_of(page, home)
    page.submit("Hello 👋🏽", model="sim?ttft=0&speed=300&length=1500&language=emoji", on=home)
    pane.wait_for_text()
    pane.click("plug")
    seen = pane.wait_for_end()
    run = wait_for_runs(page, home)[-1]
    assert len(run["reconnects"]) == 1
    assert run["reconnects"][0]["offlineMs"] >= 1900
    assert run["intact"] is True
    assert seen.text == pane.snapshot()["text"]
    figure = page.run("return document.querySelector(arguments[0] + ' .big-figure').innerText", pane.selector)
    assert re.search(r"from the new connection to the next event\. All [\d,]+ characters are here, none twice", figure)
    page.find("#differences").location_once_scrolled_into_view  # noqa: B018 - scrolls
    tiles = page.run("return [...document.querySelectorAll('.tile strong')].map((tile) => tile.innerText)")
    assert "complete" in tiles
    page.driver.refresh()
    assert wait_for_runs(page, home)[-1]["reconnects"] == run["reconnects"]


def test_the_timeline_has_each_event_and_the_wire_each_frame(page: Page) -> None:
    page.submit("Hello", model=f"{SHORT}&reasoning=60", on="sse")
    seen = page.sse.wait_for_end()
    wait_for_runs(page, "sse")
    entries = page.run(
        "return [...document.querySelectorAll('.timeline[data-pane=left] .events li')]"
        ".map(({ dataset, textContent }) => [dataset.type, textContent])"
    )
    assert [kind for kind, _ in entries] == ["started", "accepted", "start", "reasoning", "chunk", "complete"]
    assert f"Event {seen.seq}, over SSE. The end." in entries[-1][1]
    assert all(len(text) > 40 for _, text in entries)  # each has its meaning
    counts = [int(match[1]) for _, text in entries if (match := re.search(r"(\d+) (?:text|reasoning) event", text))]
    page.run("document.querySelector('.timeline[data-pane=left] .frames-view').open = true")
    frames = wait_until(
        lambda: page.run("return document.querySelector('.timeline[data-pane=left] .frames').textContent"),
        lambda: "frames",
    )
    assert len(re.findall(r"^.* sse  ◀ .*id: g_", frames, re.MULTILINE)) == sum(counts) + 3
    assert "POST /api/generations" in frames


def test_settings_are_in_the_models_name_and_in_the_address(
    open_page: Callable[[str], Page], plain_gateway: Server
) -> None:
    page = open_page(plain_gateway.url)
    for setting, value in (("speed", "2000"), ("fault", "500"), ("times", "1"), ("length", "200")):
        page.choose(setting, value)
    assert page.run("return location.search") == "?speed=2000&length=200&fault=500&times=1"
    page.submit("Hello", on="sse")
    seen = page.sse.wait_for_end()
    assert "Attempt 1: " in " ".join(seen.notices)
    model = page.sse.snapshot()["model"]
    assert re.fullmatch(r"sim\?ttft=300&speed=2000&language=english&length=200&fault=500&times=1&run=\w+", model)
    page.driver.refresh()
    wait_until(lambda: page.run("return document.querySelector('select#model') !== null"), lambda: "the models")
    values = page.run("return Array.from(document.querySelectorAll('[data-setting]'), ({ value }) => value)")
    assert {"2000", "500", "1", "200"} <= set(values)


def test_the_drawer_says_that_a_real_model_has_no_settings(page: Page) -> None:
    page.run(
        "const model = document.querySelector('#model'); model.value = 'gpt-real';"
        "model.dispatchEvent(new Event('input', { bubbles: true }));"
    )
    click(page.find("#open-settings"))
    note = page.find("#settings .drawer-note")
    wait_until(lambda: "real model" in note.text, lambda: note.text)  # the drawer fades in
    assert page.run("return document.querySelector('#simulator').disabled")
    hidden = page.run("return [...document.querySelectorAll('.chip')].filter((chip) => chip.hidden).length")
    assert hidden == 3
    click(page.find("#settings [data-close]"))


def test_an_example_is_one_click(open_page: Callable[[str], Page], plain_gateway: Server) -> None:
    page = open_page(plain_gateway.url)
    page.run("[...document.querySelectorAll('.chip')].find(({ textContent }) => textContent === 'Tool call').click()")
    for pane in page.panes:
        pane.wait_for_end()
        assert last_event(page, pane)["finish_reason"] == "tool_calls"
    # Its settings are not those of the next prompt.
    assert page.run("return [location.search, document.querySelector('[data-setting=tool_calls]').value]") == ["", ""]


def test_the_page_measures_both_transports_by_itself(open_page: Callable[[str], Page], plain_gateway: Server) -> None:
    page = open_page(plain_gateway.url)
    click_measure(page)
    runs = [wait_for_runs(page, home)[0] for home in HOMES]
    click_measure(page)
    wait_until(lambda: page.find("#measure-status").text == "Stopped.", lambda: page.find("#measure-status").text)
    for run in runs:
        known = [run[name] for name in ("handshakeMs", "nextMs", "ttftMs", "gapP50", "overheadPerEvent", "reconnectMs")]
        assert all(isinstance(value, (int, float)) for value in known), run
        assert run["intact"] is True
        assert run["stopMs"] >= run["cancelMs"]
    charts = page.run("return [...document.querySelectorAll('.chart-drawing')].map((chart) => chart.ariaLabel)")
    assert len(charts) == 8
    assert not any("not measured" in name for name in charts), charts
