"""The demo page in headless Chromium, with real servers."""

import json
import re
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import pytest
from selenium.webdriver import Chrome, Keys
from selenium.webdriver.support.select import Select

from tests.integration import processes
from tests.integration.browser import Page, Pane, PaneState, click, read_json, wait_until
from tests.integration.processes import Server, TcpProxy
from tests.integration.test_processes import command

NAMES = {"sse": "SSE", "websocket": "WebSocket"}
TITLES = {"sse": "Server-Sent Events", "websocket": "WebSocket", "poll": "Long polling"}
SHOWN = {**NAMES, "poll": "Long poll"}
HOMES = tuple(NAMES)
LONG = "sim?ttft=20&speed=250&length=60000"
"""A generation of four minutes: it still runs when a test interrupts it."""

# Like the two clients of the README; these pass their text to `done`.
EVENT_SOURCE = """
const events = new EventSource("/api/chat/stream?model=sim-instant&prompt=Why+is+the+sky+blue");
let text = "";
events.onmessage = ({ data }) => { text += JSON.parse(data).content; };
events.addEventListener("complete", ({ lastEventId }) => {
  events.close();
  done([text, lastEventId]);
});
"""
TEXT_SOURCE = EVENT_SOURCE.replace("/api/chat/stream", "/api/chat/text")
WEB_SOCKET = """
const socket = new WebSocket(`ws://${location.host}/api/ws`);
const messages = [{ role: "user", content: "Why is the sky blue" }];
socket.onopen = () => socket.send(JSON.stringify({ type: "start", model: "sim-instant", messages }));
let text = "";
socket.onmessage = ({ data }) => {
  const event = JSON.parse(data);
  if (event.type === "chunk") text += event.content;
  if (event.type === "complete") done([text, `${event.generation_id}:${event.seq}`]);
};
"""

# A page with a key gets a ticket; its EventSource has only that ticket.
EVENT_SOURCE_WITH_TICKET = """
const [key, model] = arguments;
const headers = { Authorization: `Bearer ${key}`, "Content-Type": "application/json" };
window.received = { text: "", opened: 0, id: null, ended: null };
fetch("/api/tickets", { method: "POST", headers, body: JSON.stringify({ scope: "start" }) })
  .then((response) => response.json())
  .then(({ ticket }) => {
    const events = new EventSource(`/api/chat/stream?prompt=Hello&ticket=${ticket}&model=${encodeURIComponent(model)}`);
    events.onopen = () => { received.opened += 1; };
    events.onmessage = ({ data, lastEventId }) => {
      received.text += JSON.parse(data).content;
      received.id = lastEventId;
    };
    events.addEventListener("complete", ({ lastEventId }) => { received.id = lastEventId; });
    events.onerror = ({ data }) => { if (data || events.readyState === 2) received.ended = data ?? "stopped"; };
  });
"""

# A page whose key is in a cookie: no script can read it, and neither a URL nor a header that the page sets has it.
CLIENTS_WITH_COOKIE = """
const [gateway, done] = arguments;
const events = new EventSource(`${gateway}/api/chat/stream?prompt=Hello&model=sim-instant`, { withCredentials: true });
const results = { sse: "", socket: "", cookie: document.cookie };
const finish = (name, result) => { results[name] = result; if (results.sse && results.socket) done(results); };
events.addEventListener("complete", () => { events.close(); finish("sse", "complete"); });
events.onerror = () => { if (events.readyState === 2) finish("sse", "refused"); };
const socket = new WebSocket(`${gateway.replace("http", "ws")}/api/ws`, "dualstream.v1");
socket.onopen = () => socket.send(JSON.stringify({
  type: "start", model: "sim-instant", messages: [{ role: "user", content: "Hello" }],
}));
socket.onmessage = ({ data }) => { if (JSON.parse(data).type === "complete") finish("socket", "complete"); };
socket.onclose = ({ code }) => { if (!results.socket) finish("socket", code); };
"""

# Codes, and placeholders of missing values: they must not appear in a message for a user.
INTERNALS = re.compile(r"undefined|null|NaN|\[object|[{}]|\b[a-z]+_[a-z_]+\b|Error:")


def pane_of(page: Page, home: str) -> Pane:
    return {pane.home: pane for pane in page.panes}[home]


def checked_snapshot(pane: Pane) -> Any:  # noqa: ANN401 - JSON
    """Check that a pane shows exactly the text of the gateway's snapshot; return the snapshot."""
    snapshot, seen = pane.snapshot(), pane.read()
    assert seen.text == snapshot["text"]
    assert "".join(seen.rendered.split()) == "".join(snapshot["text"].split())
    return snapshot


def test_both_panes_finish_with_the_same_text(open_page: Callable[[str], Page], plain_gateway: Server) -> None:
    page = open_page(plain_gateway.url)
    for setting, value in (("speed", "2000"), ("language", "vietnamese"), ("length", "800"), ("ttft", "0")):
        page.choose(setting, value)
    page.submit("Tại sao bầu trời màu xanh?")
    left, right = (pane.wait_for_end() for pane in page.panes)
    assert left.text == right.text
    assert "Tại sao bầu trời màu xanh?" in left.text
    assert len(left.text) == 800
    for pane, seen in zip(page.panes, (left, right), strict=True):
        snapshot = checked_snapshot(pane)
        assert snapshot["state"] == "complete"
        assert seen.seq == snapshot["seq"]
        assert seen.transport == pane.home
        assert seen.status.startswith("Done in")
        assert "tokens in" in seen.usage
    assert left.generation != right.generation


@pytest.mark.parametrize("home", HOMES)
def test_interrupt_stops_the_answer_and_the_model(page: Page, count_closed_calls: Callable[[], int], home: str) -> None:
    pane = pane_of(page, home)
    page.submit("Tell me everything.", model=LONG, on=home)
    pane.wait_for_text()
    pane.click("interrupt")
    seen = pane.wait_for_end("interrupted")
    assert seen.status == "Stopped by you."
    assert re.fullmatch(
        r"Stopped [\d.]+ m?s after the click; the model.s connection closed in [\d.]+ m?s\.", seen.stop_time
    )
    wait_until(lambda: count_closed_calls() == 1, lambda: "the model's server has not noticed")
    assert checked_snapshot(pane)["state"] == "interrupted"
    assert pane.read().text == seen.text
    assert 40 < len(seen.text) < 60_000
    assert pane.element("interrupt").get_attribute("aria-disabled") == "true"


@pytest.mark.parametrize("home", HOMES)
def test_interrupt_before_the_first_token(page: Page, count_closed_calls: Callable[[], int], home: str) -> None:
    pane = pane_of(page, home)
    page.submit("Think well.", model="sim?ttft=600000", on=home)
    pane.wait(lambda seen: seen.state == "waiting" and seen.generation)
    pane.click("interrupt")
    seen = pane.wait_for_end("interrupted")
    assert seen.text == ""
    assert "after the click" in seen.stop_time
    wait_until(lambda: count_closed_calls() == 1, lambda: "the model's server has not noticed")


@pytest.mark.parametrize("home", HOMES)
def test_feedback_starts_the_answer_again(page: Page, count_closed_calls: Callable[[], int], home: str) -> None:
    pane = pane_of(page, home)
    page.submit("Why is the sky blue?", model="sim?ttft=20&speed=600&length=6000", on=home)
    first = pane.wait_for_text()
    pane.element("feedback-text").send_keys("Shorter, and in Vietnamese")
    pane.click("feedback-send")
    pane.wait(lambda seen: seen.revision)
    seen = pane.wait_for_end()
    assert seen.revision == "Revision 2, after your feedback: “Shorter, and in Vietnamese”"
    assert any(
        re.search(r"Revision 2 started; the earlier attempt was closed in [\d.]+ m?s\.", notice)
        for notice in seen.notices
    )
    assert seen.feedback == "Sent: the answer starts again."
    assert not seen.text.startswith(first.text[:20])
    assert re.search("[ạảấầẩậắằẵặếềểễệịọốồổỗộớờởợụủứừửữựỳỷỹ]", seen.text)
    assert len(seen.text) == 2000
    assert checked_snapshot(pane)["revision"] == 2
    assert count_closed_calls() == 1


@pytest.mark.parametrize("home", HOMES)
def test_feedback_stops_and_rates(page: Page, count_closed_calls: Callable[[], int], home: str) -> None:
    pane = pane_of(page, home)
    page.submit("Tell me everything.", model=LONG, on=home)
    pane.wait_for_text()
    page.find(f"{pane.selector} [data-role=feedback-mode] [value=stop]").click()
    pane.element("feedback-text").send_keys("Enough", Keys.ENTER)
    seen = pane.wait_for_end("interrupted")
    assert seen.status == "Stopped by your feedback."
    pane.wait(lambda seen: seen.feedback == "Sent: the answer stops.")
    wait_until(lambda: count_closed_calls() == 1, lambda: "the model's server has not noticed")
    pane.click("rate-up")
    pane.wait(lambda seen: seen.feedback == "Thank you, noted.")
    assert pane.element("rate-up").get_attribute("aria-pressed") == "true"
    notes = checked_snapshot(pane)["feedback"]
    assert [(note["mode"], note["text"], note["rating"]) for note in notes] == [
        ("stop", "Enough", None),
        ("note", None, 1),
    ]


@dataclass(frozen=True)
class SlowGateway:
    """A gateway whose upstream sends slowly, until the test lets it send the rest of an answer at once."""

    gateway: Server
    upstream_proxy: TcpProxy

    model: ClassVar = "sim-instant?length=20000"
    length: ClassVar = 20_000

    def release(self) -> None:
        """Forward the rest without a limit."""
        self.upstream_proxy.flow = 0


@pytest.fixture(scope="module")
def shared_slow_gateway(simulator: Server) -> Iterator[SlowGateway]:
    with TcpProxy(simulator.url) as proxy, processes.gateway("--upstream", f"{proxy.url}/v1", grace=60) as server:
        yield SlowGateway(server, proxy)


@pytest.fixture
def slow_gateway(shared_slow_gateway: SlowGateway) -> SlowGateway:
    """Limit the upstream to about 60 characters a second for each answer."""
    shared_slow_gateway.upstream_proxy.flow = 60
    return shared_slow_gateway


def test_the_disconnect_button_is_followed_by_a_resume(
    slow_gateway: SlowGateway, open_page: Callable[[str], Page]
) -> None:
    page = open_page(slow_gateway.gateway.url)
    page.submit("Take your time.", model=slow_gateway.model)
    for pane in page.panes:
        pane.wait_for_text()
        seen = pane.click("plug")
        assert seen.state == "offline"
        assert seen.status.startswith("Offline after event ")
    for pane in page.panes:
        pane.wait_for_notice("Back after")
    slow_gateway.release()
    for pane in page.panes:
        seen = pane.wait_for_end()
        assert len(seen.text) == slow_gateway.length
        assert checked_snapshot(pane)["state"] == "complete"
        disconnected, resumed = seen.notices
        assert "You cut the connection." in disconnected
        assert re.search(r"Back after [\d.]+ m?s: \d+ characters recovered\.", resumed)


@pytest.fixture
def client_proxy(slow_gateway: SlowGateway) -> Iterator[TcpProxy]:
    """A proxy of that gateway whose connections can be reset."""
    with TcpProxy(slow_gateway.gateway.url) as proxy:
        yield proxy


def test_a_reset_connection_is_resumed(
    slow_gateway: SlowGateway, client_proxy: TcpProxy, open_page: Callable[[str], Page]
) -> None:
    page = open_page(client_proxy.url)
    page.tolerate(r"net::ERR_|WebSocket connection to .* failed")
    page.submit("Take your time.", model=slow_gateway.model)
    for cuts in (1, 2):
        before = {pane: pane.wait_for_text(beyond=len(pane.read().text) + 20) for pane in page.panes}
        assert client_proxy.cut() >= len(page.panes)
        for pane in page.panes:
            pane.wait_for_notice("The connection was lost.", cuts)
            pane.wait_for_notice("Back after", cuts)
        assert event_source_resumed(client_proxy.sent, before[page.sse]), client_proxy.sent
    slow_gateway.release()
    for pane in page.panes:
        seen = pane.wait_for_end()
        assert len(seen.text) == slow_gateway.length
        assert seen.seq == checked_snapshot(pane)["seq"]


def event_source_resumed(sent: str, left: PaneState) -> bool:
    """Return True if the browser's own EventSource resumed: it sends a header that the page itself never sends."""
    events = rf"GET /api/generations/{left.generation}/events"
    position = rf"last-event-id: {left.generation}:(\d+)\r\n"
    resumed = re.search(rf"{events} HTTP/1\.1\r\n(?:[^\r]+\r\n)*?{position}", sent, re.IGNORECASE)
    return resumed is not None and int(resumed[1]) >= left.seq


def test_a_generation_is_handed_over_and_back(slow_gateway: SlowGateway, open_page: Callable[[str], Page]) -> None:
    page = open_page(slow_gateway.gateway.url)
    page.submit("Change horses.", model=slow_gateway.model)
    for pane in page.panes:
        home = pane.home
        other = next(name for name in HOMES if name != home)
        for current, following in ((home, other), (other, "poll"), ("poll", home)):
            before = pane.wait_for_text(beyond=len(pane.read().text) + 20)
            pane.use(following)
            pane.wait_for_notice(f"Switched from {SHOWN[current]} to {SHOWN[following]} after event ")
            assert (pane.read().transport, pane.read().title) == (following, TITLES[following])
            pane.wait_for_text(beyond=len(before.text) + 20)
    slow_gateway.release()
    for pane in page.panes:
        seen = pane.wait_for_end()
        assert seen.transport == pane.home
        assert len(seen.text) == slow_gateway.length
        assert seen.seq == checked_snapshot(pane)["seq"]


@pytest.fixture(scope="module")
def single_attempt_gateway(simulator: Server) -> Iterator[Server]:
    """A gateway that calls its upstream only once, however that fails."""
    with processes.gateway("--upstream", f"{simulator.url}/v1", max_attempts=1, breaker_failures=0) as server:
        yield server


@pytest.mark.parametrize(
    ("fault", "status", "detail", "text"),
    [
        ("429&retry_after=2", "Too many requests just now.", "You can run it again in 2 s.", False),
        ("500", "server has a problem.", "You can run it again.", False),
        ("401", "The provider does not accept the gateway", "", False),
        ("drop&after=10", "answer was cut off.", "The text so far is kept.", True),
        ("garbage&after=10", "sent invalid data.", "The text so far is kept.", True),
    ],
)
def test_an_error_is_explained_to_the_user(
    open_page: Callable[[str], Page],
    single_attempt_gateway: Server,
    fault: str,
    status: str,
    detail: str,
    text: bool,
) -> None:
    page = open_page(single_attempt_gateway.url)
    page.submit("Go wrong.", model=f"sim?ttft=20&speed=2000&fault={fault}")
    for pane in page.panes:
        seen = pane.wait_for_end("error")
        assert status in seen.status
        assert detail in seen.problem
        assert bool(seen.text) == text
        assert not INTERNALS.search(f"{seen.status} {seen.detail} {seen.problem} {' '.join(seen.notices)}"), seen
        assert checked_snapshot(pane)["state"] == "error"


@pytest.fixture
def two_attempts_gateway(simulator: Server) -> Iterator[Server]:
    """A gateway that calls its upstream twice."""
    with processes.gateway("--upstream", f"{simulator.url}/v1", max_attempts=2, retry_base=0.1) as server:
        yield server


def test_a_failed_attempt_is_shown_while_another_follows(
    two_attempts_gateway: Server, open_page: Callable[[str], Page]
) -> None:
    page = open_page(two_attempts_gateway.url)
    page.submit("Go wrong.", model="sim?fault=429&retry_after=1")
    for pane in page.panes:
        pane.wait_for_notice("Attempt 1: Too many requests just now.")
        assert pane.wait_for_end("error").status == "Too many requests just now."


@pytest.fixture
def two_models_gateway() -> Iterator[Server]:
    """A gateway with two models, so that the page has a select."""
    with processes.gateway(model="one,two") as server:
        yield server


def test_an_unknown_model_is_explained_to_the_user(
    two_models_gateway: Server, open_page: Callable[[str], Page]
) -> None:
    page = open_page(two_models_gateway.url)
    page.run("document.querySelector('#model').options[1].value = 'three'")
    page.find("#model [value=three]").click()
    page.tolerate(r"status of 404")
    page.submit("Hello")
    for pane in page.panes:
        seen = pane.wait_for_end("error")
        assert seen.status == "There is no such model."
        click(pane.element("problem").find_element("css selector", "summary"))
        assert "three" in pane.read().problem


def test_an_unreachable_gateway_is_explained_to_the_user(proxy: TcpProxy, open_page: Callable[[str], Page]) -> None:
    page = open_page(proxy.url)
    page.tolerate(r"net::ERR_|WebSocket connection to .* failed")
    page.submit("Take your time.", model=LONG)
    for pane in page.panes:
        pane.wait_for_text()
    left = {}
    with proxy.down():
        for pane in page.panes:
            seen = pane.wait(lambda seen: "Trying again in" in seen.status)
            assert seen.state == "offline"
            assert seen.text
            pane.click("interrupt")
            seen = pane.wait(lambda seen: "Could not stop it." in seen.stop_time)
            assert "be reached." in seen.stop_time
            left[pane] = seen
    for pane in page.panes:
        pane.wait_for_text(beyond=len(left[pane].text))
        pane.wait_for_notice("Back after")
        pane.click("interrupt")
        pane.wait_for_end("interrupted")
        checked_snapshot(pane)


@pytest.fixture(scope="module")
def one_slot_gateway() -> Iterator[Server]:
    """A gateway that runs one generation at a time."""
    with processes.gateway(max_concurrent=1) as server:
        yield server


def test_the_second_generation_waits_in_the_queue(open_page: Callable[[str], Page], one_slot_gateway: Server) -> None:
    page = open_page(one_slot_gateway.url)
    page.choose("length", "20000")
    page.choose("ttft", "0")
    page.submit("Take your time.")
    both = [pane.wait(lambda seen: seen.text or seen.state == "queued") for pane in page.panes]
    first, second = page.panes if both[0].text else page.panes[::-1]
    assert second.wait(lambda seen: seen.state == "queued").status == "You are next in the queue."
    first.wait_for_text()
    first.click("interrupt")
    first.wait_for_end("interrupted")
    second.wait_for_text()
    page.submit("Again.", on=first.home)
    assert "in the queue" in first.wait(lambda seen: seen.state == "queued").status
    first.click("interrupt")
    assert first.wait_for_end("interrupted").text == ""


def test_the_page_works_with_the_keyboard_alone(page: Page) -> None:
    page.find("#model").clear()
    page.find("#model").send_keys(LONG)
    page.press(Keys.TAB)
    while page.focused() != "prompt":
        page.press(Keys.TAB)
    page.press(Keys.CONTROL, "a")
    page.press("First line", Keys.SHIFT, Keys.ENTER, "second line", Keys.ENTER)
    for pane in page.panes:
        assert "“First line second line”" in pane.wait_for_text().text
    page.press(Keys.ESCAPE)
    for pane in page.panes:
        assert pane.wait_for_end("interrupted").stop_time

    page.press("And now?", Keys.ENTER)
    for pane in page.panes:
        pane.wait(lambda seen: not seen.has_ended)
        pane.wait_for_text()
    visited: list[str] = []
    while visited[-1:] != ["right interrupt"]:
        assert len(visited) < 60, visited
        page.press(Keys.TAB)
        visited.append(page.focused())
    expected = [
        "plug",
        "scroll",
        "interrupt",
        "feedback-text",
        "feedback-mode",
        "feedback-send",
        "rate-up",
        "rate-down",
    ]
    assert [role for _, _, role in (name.partition("left ") for name in visited) if role in expected] == expected
    page.press(Keys.ESCAPE)
    page.websocket.wait_for_end("interrupted")
    assert not page.sse.read().has_ended, "Escape in one pane interrupts only that one"
    while page.focused() != "left interrupt":
        page.press(Keys.SHIFT, Keys.TAB)
    page.press(Keys.SPACE)
    page.sse.wait_for_end("interrupted")


def test_each_letter_is_a_shortcut_and_types_itself_in_a_field(page: Page) -> None:
    script = "return document.querySelector(arguments[0]).open"
    page.press("/")
    assert page.focused() == "prompt"
    page.press(Keys.CONTROL, "a")
    page.press("1fxs?2")
    assert page.find("#prompt").get_property("value") == "1fxs?2"
    page.submit("Tell me everything.", model=LONG)
    for pane in page.panes:
        pane.wait_for_text()
    page.run("document.activeElement.blur()")
    for key, pane in (("1", page.sse), ("2", page.websocket)):
        page.press(key)
        assert page.focused() == f"{pane.name} scroll"
    page.press("x")
    page.websocket.wait_for_notice("You cut the connection.")
    page.press("f")
    assert page.focused() == "right feedback-text"
    page.press("s")
    assert page.websocket.element("feedback-text").get_property("value") == "s"
    page.press(Keys.TAB, Keys.TAB)  # to a button
    for key, dialog in (("s", "#settings"), ("?", "#help")):
        page.press(key)
        assert page.run(script, dialog)
        page.press(Keys.ESCAPE)
        assert not page.run(script, dialog)
    assert not any(pane.read().has_ended for pane in page.panes), "Escape closed the dialogs, and stopped nothing"


MARKUP = "<img src=x onerror=\"document.title='owned'\"><b>&lt;"


def test_html_in_an_answer_is_text(page: Page) -> None:
    title = page.run("return document.title")
    # In large chunks, so that no tag is split.
    page.submit(MARKUP, model=f"{LONG}&chunk=150")
    for pane in page.panes:
        assert MARKUP in pane.wait_for_text(beyond=149).text
        pane.element("feedback-text").send_keys(MARKUP, Keys.ENTER)
    for pane in page.panes:
        seen = pane.wait(lambda seen: seen.revision and len(seen.text) > 149)
        assert MARKUP in seen.revision
        assert MARKUP in seen.text
    assert page.run("return document.querySelectorAll('.pane :is(img, b, script)').length") == 0
    assert page.run("return document.title") == title


@pytest.mark.parametrize(
    "sink",
    [
        "document.body.innerHTML = '<b>x</b>'",
        "document.body.insertAdjacentHTML('beforeend', '<b>x</b>')",
        "document.write('<b>x</b>')",
        "document.createElement('script').text = 'x'",
        "document.createElement('iframe').srcdoc = 'x'",
        "setTimeout('x')",
    ],
)
def test_the_policy_prevents_the_page_from_turning_text_into_markup_or_script(page: Page, sink: str) -> None:
    page.tolerate("Trusted(HTML|Script)|unsafe-eval")
    result = page.run(f"try {{ {sink}; return 'done'; }} catch (error) {{ return error.name; }}")
    assert result in {"TypeError", "EvalError"}


def test_a_phone_needs_no_horizontal_scrolling(open_page: Callable[[str], Page], plain_gateway: Server) -> None:
    page = open_page(plain_gateway.url)
    page.set_size(390, 844, mobile=True)
    for setting, value in (("speed", "2000"), ("language", "code"), ("length", "3000")):
        page.choose(setting, value)
    width = "return [document.documentElement.scrollWidth, innerWidth]"
    assert page.run(width) == [390, 390]
    page.submit("W" * 79)
    for pane in page.panes:
        pane.wait_for_end()
    assert page.run(width) == [390, 390]
    outside = page.run(
        "return [...document.querySelectorAll('button, input, select, textarea, dd')]"
        ".filter((part) => part.checkVisibility() && part.getBoundingClientRect().right"
        " > (part.closest('.pane')?.getBoundingClientRect().right ?? 390))"
        ".map((part) => part.outerHTML)"
    )
    assert outside == []


def test_colours_follow_the_preferred_scheme(page: Page) -> None:
    colours = """
        const rgb = (colour) => colour.match(/[\\d.]+/g).slice(0, 3).map(Number);
        const style = (selector) => getComputedStyle(document.querySelector(selector));
        const [pane, body] = [style("#pane-left"), style("body")];
        return [pane.color, pane.backgroundColor, body.backgroundColor].map(rgb);
    """
    seen = {}
    for scheme in ("light", "dark"):
        page.set_colour_scheme(scheme)
        text, pane, page_background = map(luminance, wait_until(lambda: page.run(colours), lambda: "colours"))
        assert contrast(text, pane) >= 7
        assert contrast(text, page_background) >= 7
        seen[scheme] = page_background
    assert seen["light"] > 0.8
    assert seen["dark"] < 0.05


def luminance(colour: list[float]) -> float:
    """Return the relative luminance (WCAG 2.2) of an sRGB colour, given as 0 to 255 for red, green and blue."""
    red, green, blue = (
        part / 255 / 12.92 if part / 255 <= 0.04045 else ((part / 255 + 0.055) / 1.055) ** 2.4 for part in colour
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(first: float, second: float) -> float:
    """Return the contrast ratio (WCAG 2.2) of two relative luminances."""
    return (max(first, second) + 0.05) / (min(first, second) + 0.05)


@pytest.mark.parametrize(
    "client", [EVENT_SOURCE, TEXT_SOURCE, WEB_SOCKET], ids=["EventSource", "EventSource for text", "WebSocket"]
)
def test_a_client_needs_ten_lines(page: Page, client: str) -> None:
    text, position = page.wait_for(client)
    assert "Why is the sky blue" in text
    generation, _, seq = position.rpartition(":")
    snapshot = read_json(f"{page.url}/api/generations/{generation}")
    assert (snapshot["text"], snapshot["seq"], snapshot["state"]) == (text, int(seq), "complete")


def test_the_page_asks_for_a_key_and_keeps_it_in_memory(driver: Chrome, tmp_path: Path) -> None:
    file = tmp_path / "keys.toml"
    created = command("keys", "create", "alice", "--file", str(file))
    with processes.gateway(keys_file=file) as server:
        driver.get(f"{server.url}/")
        read_entry = "const entry = document.querySelector('#entry'); return entry.hidden ? '' : entry.innerText"
        wait_until(lambda: driver.execute_script(read_entry), lambda: driver.get_log("browser"))  # type: ignore[no-untyped-call]
        field = driver.find_element("css selector", "#key")
        field.send_keys("ds_wrong", Keys.ENTER)
        wait_until(lambda: "not valid" in driver.execute_script(read_entry), lambda: driver.execute_script(read_entry))
        field.send_keys(created.stdout.strip(), Keys.ENTER)
        wait_until(lambda: not driver.execute_script(read_entry), lambda: driver.execute_script(read_entry))
        assert driver.execute_script("return document.querySelector('#key').value") == ""
        stored = "return [localStorage.length, sessionStorage.length, document.cookie, location.href]"
        assert driver.execute_script(stored) == [0, 0, "", f"{server.url}/"]
        Select(driver.find_element("css selector", "#model")).select_by_value("sim-instant")
        driver.find_element("css selector", "#prompt").send_keys("Hello", Keys.ENTER)
        states = "return [...document.querySelectorAll('[data-role=state]')].map((element) => element.dataset.state)"
        wait_until(lambda: driver.execute_script(states) == ["complete"] * 2, lambda: driver.execute_script(states))
        driver.get("about:blank")
        driver.get_log("browser")  # type: ignore[no-untyped-call]


def test_a_cookie_authenticates_our_page_on_both_transports_and_no_other_page(
    driver: Chrome, simulator: Server, tmp_path: Path
) -> None:
    file = tmp_path / "keys.toml"
    key = command("keys", "create", "alice", "--file", str(file)).stdout.strip()
    with processes.gateway(keys_file=file, cookie="__Host-dualstream") as server:
        driver.get(f"{server.url}/")
        create_session = (
            "const [key, done] = arguments; fetch('/api/session', { method: 'POST', headers: { Authorization: "
            "`Bearer ${key}` } }).then(({ status }) => done(status))"
        )
        assert driver.execute_async_script(create_session, key) == 204
        results = driver.execute_async_script(CLIENTS_WITH_COOKIE, server.url)
        assert results == {"sse": "complete", "socket": "complete", "cookie": ""}
        # Another port of the same host is another origin, but the same site: the browser sends the cookie.
        driver.get(f"{simulator.url}/")
        assert driver.execute_async_script(CLIENTS_WITH_COOKIE, server.url) == {
            "sse": "refused",
            "socket": 4403,
            "cookie": "",
        }
        driver.get(f"{server.url}/")
        assert (
            driver.execute_async_script("fetch('/api/session', { method: 'DELETE' }).then(() => arguments[0]())")
            is None
        )
        assert driver.execute_async_script(CLIENTS_WITH_COOKIE, server.url)["sse"] == "refused"
        driver.get("about:blank")
        driver.get_log("browser")  # type: ignore[no-untyped-call]


def test_an_event_source_resumes_with_a_ticket_that_is_used_up(
    driver: Chrome, simulator: Server, tmp_path: Path
) -> None:
    file = tmp_path / "keys.toml"
    key = command("keys", "create", "alice", "--file", str(file)).stdout.strip()
    upstream = ("--upstream", f"{simulator.url}/v1")
    with processes.gateway(*upstream, keys_file=file, grace=60) as server, TcpProxy(server.url) as proxy:
        driver.get(f"{proxy.url}/")
        driver.execute_script(EVENT_SOURCE_WITH_TICKET, key, "sim?ttft=20&speed=400&length=1600")

        def read_received() -> dict[str, Any]:
            return dict(driver.execute_script("return received"))

        def streams(opened: int, beyond: int) -> bool:
            received = read_received()
            return received["opened"] == opened and len(received["text"]) > beyond

        for opened, beyond in ((1, 40), (2, 400)):
            wait_until(partial(streams, opened, beyond), read_received)
            assert proxy.cut() >= 1
        wait_until(lambda: read_received()["ended"], read_received)
        received = read_received()
        assert (received["ended"], received["opened"]) == ("stopped", 3)
        request = urllib.request.Request(
            f"{server.url}/api/generations/{received['id'].rpartition(':')[0]}",
            headers={"Authorization": f"Bearer {key}"},
        )
        with urllib.request.urlopen(request) as response:
            snapshot = json.load(response)
        assert (received["text"], received["id"]) == (snapshot["text"], snapshot["position"])
        assert (snapshot["state"], len(snapshot["text"])) == ("complete", 1600)
        assert "ticket" not in server.output
        driver.get("about:blank")
        driver.get_log("browser")  # type: ignore[no-untyped-call]
