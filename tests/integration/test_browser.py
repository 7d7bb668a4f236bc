"""The demo page in headless Chromium, against real servers."""

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
from tests.integration.browser import Look, Page, Pane, read_json, until
from tests.integration.processes import Server, TcpProxy
from tests.integration.test_processes import command

NAMES = {"sse": "SSE", "websocket": "WebSocket"}
SIDES = tuple(NAMES)
LONG = "sim?ttft=20&speed=250&length=60000"
"""An answer that would take four minutes: it is still running whenever a test gets to it."""

# The README's two clients. They give their text to `done`.
EVENT_SOURCE = """
const events = new EventSource("/api/chat/stream?model=sim-instant&prompt=Why+is+the+sky+blue");
let text = "";
events.onmessage = ({ data }) => { text += JSON.parse(data).content; };
events.addEventListener("complete", ({ lastEventId }) => {
  events.close();
  done([text, lastEventId]);
});
"""
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

# A page with a key, and a bare EventSource that has a ticket alone.
TICKETED = """
const [key, model] = arguments;
const headers = { Authorization: `Bearer ${key}`, "Content-Type": "application/json" };
window.heard = { text: "", opened: 0, id: null, over: null };
fetch("/api/tickets", { method: "POST", headers, body: JSON.stringify({ scope: "start" }) })
  .then((response) => response.json())
  .then(({ ticket }) => {
    const events = new EventSource(`/api/chat/stream?prompt=Hello&ticket=${ticket}&model=${encodeURIComponent(model)}`);
    events.onopen = () => { heard.opened += 1; };
    events.onmessage = ({ data, lastEventId }) => { heard.text += JSON.parse(data).content; heard.id = lastEventId; };
    events.addEventListener("complete", ({ lastEventId }) => { heard.id = lastEventId; });
    events.onerror = ({ data }) => { if (data || events.readyState === 2) heard.over = data ?? "stopped"; };
  });
"""

# A page of the same site whose key is in a cookie: nothing of it is in a URL, a header or a script's reach.
COOKIED = """
const [home, done] = arguments;
const events = new EventSource(`${home}/api/chat/stream?prompt=Hello&model=sim-instant`, { withCredentials: true });
const said = { sse: "", socket: "", cookie: document.cookie };
const over = (name, what) => { said[name] = what; if (said.sse && said.socket) done(said); };
events.addEventListener("complete", () => { events.close(); over("sse", "complete"); });
events.onerror = () => { if (events.readyState === 2) over("sse", "refused"); };
const socket = new WebSocket(`${home.replace("http", "ws")}/api/ws`, "dualstream.v1");
socket.onopen = () => socket.send(JSON.stringify({
  type: "start", model: "sim-instant", messages: [{ role: "user", content: "Hello" }],
}));
socket.onmessage = ({ data }) => { if (JSON.parse(data).type === "complete") over("socket", "complete"); };
socket.onclose = ({ code }) => { if (!said.socket) over("socket", code); };
"""

# What nobody should have to read: codes, and values that are none.
GIBBERISH = re.compile(r"undefined|null|NaN|\[object|[{}]|\b[a-z]+_[a-z_]+\b|Error:")


@pytest.fixture
def quiet(simulator: Server) -> Callable[[], int]:
    """Wait until nobody streams from the simulator; gives a function that counts the hang-ups since."""
    url = f"{simulator.url}/stats"
    until(lambda: read_json(url)["running"] == 0, lambda: read_json(url))
    before = read_json(url)["hung_up"]
    return lambda: int(read_json(url)["hung_up"]) - before


def pane_of(page: Page, home: str) -> Pane:
    return {pane.home: pane for pane in page.panes}[home]


def held(pane: Pane) -> Any:  # noqa: ANN401 - JSON
    """Give the gateway's snapshot, having seen that the pane shows exactly its text."""
    snapshot = pane.snapshot()
    assert pane.look().text == snapshot["text"]
    return snapshot


def test_both_panes_finish_with_the_same_text(open_page: Callable[[str], Page], plain_gateway: Server) -> None:
    page = open_page(plain_gateway.url)
    for setting, value in (("speed", "2000"), ("language", "vietnamese"), ("length", "800"), ("ttft", "0")):
        page.choose(setting, value)
    page.ask("Tại sao bầu trời màu xanh?")
    left, right = (pane.ends() for pane in page.panes)
    assert left.text == right.text
    assert "Tại sao bầu trời màu xanh?" in left.text
    assert len(left.text) == 800
    for pane, seen in zip(page.panes, (left, right), strict=True):
        snapshot = held(pane)
        assert snapshot["state"] == "complete"
        assert seen.seq == snapshot["seq"]
        assert seen.transport == pane.home
        assert seen.says.startswith("Done in")
        assert "tokens in" in seen.detail
        assert all(re.search(r"\d", figure) for figure in seen.figures), seen.figures
    assert left.generation != right.generation


@pytest.mark.parametrize("home", SIDES)
def test_interrupt_stops_the_answer_and_the_model(page: Page, quiet: Callable[[], int], home: str) -> None:
    pane = pane_of(page, home)
    page.ask("Tell me everything.", model=LONG, on=home)
    pane.streams()
    pane.click("interrupt")
    seen = pane.ends("interrupted")
    assert seen.says == "Stopped by you."
    assert re.fullmatch(
        r"Stopped [\d.]+ m?s after the click; the model.s connection closed in [\d.]+ m?s\.", seen.stop_time
    )
    until(lambda: quiet() == 1, lambda: "the model's server has not noticed")
    assert held(pane)["state"] == "interrupted"
    assert pane.look().text == seen.text
    assert 40 < len(seen.text) < 60_000
    assert pane.part("interrupt").get_attribute("aria-disabled") == "true"


@pytest.mark.parametrize("home", SIDES)
def test_interrupt_before_the_first_word(page: Page, quiet: Callable[[], int], home: str) -> None:
    pane = pane_of(page, home)
    page.ask("Think well.", model="sim?ttft=600000", on=home)
    pane.wait(lambda seen: seen.state == "waiting" and seen.generation)
    pane.click("interrupt")
    seen = pane.ends("interrupted")
    assert seen.text == ""
    assert "after the click" in seen.stop_time
    until(lambda: quiet() == 1, lambda: "the model's server has not noticed")


@pytest.mark.parametrize("home", SIDES)
def test_feedback_begins_the_answer_anew(page: Page, quiet: Callable[[], int], home: str) -> None:
    pane = pane_of(page, home)
    pane.part("feedback-text").send_keys("Shorter, and in Vietnamese")
    page.ask("Why is the sky blue?", model="sim?ttft=20&speed=600&length=6000", on=home)
    first = pane.streams()
    pane.click("feedback-send")
    pane.wait(lambda seen: seen.revision)
    seen = pane.ends()
    assert seen.revision == "Revision 2, after your feedback: “Shorter, and in Vietnamese”"
    assert any(
        re.search(r"Revision 2 started; the earlier attempt was closed in [\d.]+ m?s\.", said) for said in seen.notices
    )
    assert seen.feedback == "Sent: the answer starts again."
    assert not seen.text.startswith(first.text[:20])
    assert re.search("[ạảấầẩậắằẵặếềểễệịọốồổỗộớờởợụủứừửữựỳỷỹ]", seen.text)
    assert len(seen.text) == 2000
    assert held(pane)["revision"] == 2
    assert quiet() == 1


@pytest.mark.parametrize("home", SIDES)
def test_feedback_stops_and_rates(page: Page, quiet: Callable[[], int], home: str) -> None:
    pane = pane_of(page, home)
    page.find(f"{pane.selector} [data-role=feedback-mode] [value=stop]").click()
    pane.part("feedback-text").send_keys("Enough")
    page.ask("Tell me everything.", model=LONG, on=home)
    pane.streams()
    pane.part("feedback-text").send_keys(Keys.ENTER)
    seen = pane.ends("interrupted")
    assert seen.says == "Stopped by your feedback."
    pane.wait(lambda seen: seen.feedback == "Sent: the answer stops.")
    until(lambda: quiet() == 1, lambda: "the model's server has not noticed")
    pane.click("rate-up")
    pane.wait(lambda seen: seen.feedback == "Thank you, noted.")
    assert pane.part("rate-up").get_attribute("aria-pressed") == "true"
    notes = held(pane)["feedback"]
    assert [(note["mode"], note["text"], note["rating"]) for note in notes] == [
        ("stop", "Enough", None),
        ("note", None, 1),
    ]


@dataclass(frozen=True)
class Tap:
    """A gateway whose model says the rest of its answer when the test wants it, and until then goes on slowly."""

    gateway: Server
    wire: TcpProxy

    model: ClassVar = "sim-instant?length=20000"
    length: ClassVar = 20_000

    def open(self) -> None:
        """Let the rest come."""
        self.wire.flow = 0


@pytest.fixture(scope="module")
def tapped_gateway(simulator: Server) -> Iterator[Tap]:
    with TcpProxy(simulator.url) as wire, processes.gateway("--upstream", f"{wire.url}/v1", grace=60) as server:
        yield Tap(server, wire)


@pytest.fixture
def tap(tapped_gateway: Tap) -> Tap:
    """Turn the tap down to about 60 characters a second for each answer."""
    tapped_gateway.wire.flow = 60
    return tapped_gateway


def test_pulled_plugs_are_resumed(open_page: Callable[[str], Page], tap: Tap) -> None:
    page = open_page(tap.gateway.url)
    page.ask("Take your time.", model=tap.model)
    for pane in page.panes:
        pane.streams()
        pane.click("plug")
        assert pane.wait(lambda seen: seen.state == "offline").says.startswith("Offline after event ")
    for pane in page.panes:
        pane.noticed("Back after")
    tap.open()
    for pane in page.panes:
        seen = pane.ends()
        assert len(seen.text) == tap.length
        assert held(pane)["state"] == "complete"
        pulled, back = seen.notices
        assert "You cut the connection." in pulled
        assert re.search(r"Back after [\d.]+ m?s: \d+ characters recovered\.", back)
        assert page.run("return document.querySelectorAll(arguments[0]).length", f"{pane.selector} mark") == 1


@pytest.fixture
def tapped_wire(tap: Tap) -> Iterator[TcpProxy]:
    """A wire to that gateway that can be cut."""
    with TcpProxy(tap.gateway.url) as wire:
        yield wire


def test_a_cut_wire_is_resumed(tap: Tap, tapped_wire: TcpProxy, open_page: Callable[[str], Page]) -> None:
    page = open_page(tapped_wire.url)
    page.tolerate(r"net::ERR_|WebSocket connection to .* failed")
    page.ask("Take your time.", model=tap.model)
    for cuts in (1, 2):
        before = {pane: pane.streams(beyond=len(pane.look().text) + 20) for pane in page.panes}
        assert tapped_wire.cut() >= len(page.panes)
        for pane in page.panes:
            pane.noticed("The connection was lost.", cuts)
            pane.noticed("Back after", cuts)
        assert came_back_by_itself(tapped_wire.sent, before[page.sse]), tapped_wire.sent
    tap.open()
    for pane in page.panes:
        seen = pane.ends()
        assert len(seen.text) == tap.length
        assert seen.seq == held(pane)["seq"]


def came_back_by_itself(sent: str, left: Look) -> bool:
    """Tell whether the browser's own EventSource resumed: by a header that the page itself never sends."""
    events = rf"GET /api/generations/{left.generation}/events"
    position = rf"last-event-id: {left.generation}:(\d+)\r\n"
    resumed = re.search(rf"{events} HTTP/1\.1\r\n(?:[^\r]+\r\n)*?{position}", sent, re.IGNORECASE)
    return resumed is not None and int(resumed[1]) >= left.seq


def test_handed_over_and_back(open_page: Callable[[str], Page], tap: Tap) -> None:
    page = open_page(tap.gateway.url)
    page.ask("Change horses.", model=tap.model)
    for pane in page.panes:
        home = pane.home
        other = next(side for side in SIDES if side != home)
        for at, to in ((home, other), (other, home)):
            before = pane.streams(beyond=len(pane.look().text) + 20)
            pane.click("handover")
            pane.noticed(f"Switched from {NAMES[at]} to {NAMES[to]} after event ")
            assert pane.look().transport == to
            pane.streams(beyond=len(before.text) + 20)
    tap.open()
    for pane in page.panes:
        seen = pane.ends()
        assert seen.transport == pane.home
        assert len(seen.text) == tap.length
        assert seen.seq == held(pane)["seq"]


@pytest.fixture(scope="module")
def impatient_gateway(simulator: Server) -> Iterator[Server]:
    """A gateway that asks the model once, however it fails."""
    with processes.gateway("--upstream", f"{simulator.url}/v1", max_attempts=1, breaker_failures=0) as server:
        yield server


@pytest.mark.parametrize(
    ("fault", "says", "detail", "text"),
    [
        ("429&retry_after=2", "Too many requests just now.", "You can run it again in 2 s.", False),
        ("500", "server has a problem.", "You can run it again.", False),
        ("401", "Your key is missing or not valid.", "", False),
        ("drop&after=10", "answer was cut off.", "The text so far is kept.", True),
        ("garbage&after=10", "sent invalid data.", "The text so far is kept.", True),
    ],
)
def test_failures_are_told_to_a_person(
    open_page: Callable[[str], Page],
    impatient_gateway: Server,
    fault: str,
    says: str,
    detail: str,
    text: bool,
) -> None:
    page = open_page(impatient_gateway.url)
    page.ask("Go wrong.", model=f"sim?ttft=20&speed=2000&fault={fault}")
    for pane in page.panes:
        seen = pane.ends("error")
        assert says in seen.says
        assert detail in seen.detail
        assert bool(seen.text) == text
        assert not GIBBERISH.search(f"{seen.says} {seen.detail} {' '.join(seen.notices)}"), seen
        assert held(pane)["state"] == "error"


def test_a_failed_attempt_is_told_while_another_follows(open_page: Callable[[str], Page], simulator: Server) -> None:
    with processes.gateway("--upstream", f"{simulator.url}/v1", max_attempts=2, retry_base=0.1) as server:
        page = open_page(server.url)
        page.ask("Go wrong.", model="sim?fault=429&retry_after=1")
        for pane in page.panes:
            pane.noticed("Attempt 1: Too many requests just now.")
            assert pane.ends("error").says == "Too many requests just now."


def test_an_unknown_model_is_told_to_a_person(open_page: Callable[[str], Page]) -> None:
    with processes.gateway(model="one,two") as server:
        page = open_page(server.url)
        page.run("document.querySelector('#model').options[1].value = 'three'")
        page.find("#model [value=three]").click()
        page.tolerate(r"status of 404")
        page.find("#run-both").click()
        for pane in page.panes:
            seen = pane.ends("error")
            assert seen.says == "There is no such model."
            assert "three" in seen.detail


def test_a_gateway_that_went_away_is_told_to_a_person(wire: TcpProxy, open_page: Callable[[str], Page]) -> None:
    page = open_page(wire.url)
    page.tolerate(r"net::ERR_|WebSocket connection to .* failed")
    page.ask("Take your time.", model=LONG)
    for pane in page.panes:
        pane.streams()
    left = {}
    with wire.down():
        for pane in page.panes:
            seen = pane.wait(lambda seen: "Trying again in" in seen.says)
            assert seen.state == "offline"
            assert seen.text
            pane.click("interrupt")
            seen = pane.wait(lambda seen: "Could not stop it." in seen.stop_time)
            assert "be reached." in seen.stop_time
            left[pane] = seen
    for pane in page.panes:
        pane.streams(beyond=len(left[pane].text))
        pane.noticed("Back after")
        pane.click("interrupt")
        pane.ends("interrupted")
        held(pane)


@pytest.fixture(scope="module")
def narrow_gateway() -> Iterator[Server]:
    """A gateway that lets one generation run at a time."""
    with processes.gateway(max_concurrent=1) as server:
        yield server


def test_the_second_waits_in_line(open_page: Callable[[str], Page], narrow_gateway: Server) -> None:
    page = open_page(narrow_gateway.url)
    page.choose("length", "20000")
    page.choose("ttft", "0")
    page.find("#run-both").click()
    both = [pane.wait(lambda seen: seen.text or seen.state == "queued") for pane in page.panes]
    first, second = page.panes if both[0].text else page.panes[::-1]
    assert second.wait(lambda seen: seen.state == "queued").says == "You are next in the queue."
    first.streams()
    first.click("interrupt")
    first.ends("interrupted")
    second.streams()
    first_again = first.selector.replace("pane", "run")
    page.find(first_again).click()
    assert "in the queue" in first.wait(lambda seen: seen.state == "queued").says
    first.click("interrupt")
    assert first.ends("interrupted").text == ""


def test_the_keyboard_is_enough(page: Page) -> None:
    page.press(Keys.TAB)
    assert page.focused() == "prompt"
    page.press(Keys.CONTROL, "a")
    page.press("First line", Keys.SHIFT, Keys.ENTER, "second line", Keys.TAB)
    assert page.focused() == "model"
    page.press(LONG)
    page.press(Keys.SHIFT, Keys.TAB)
    page.press(Keys.ENTER)
    for pane in page.panes:
        assert "“First line second line”" in pane.streams().text
    page.press(Keys.ESCAPE)
    for pane in page.panes:
        assert pane.ends("interrupted").stop_time

    page.press(Keys.ENTER)
    for pane in page.panes:
        pane.wait(lambda seen: not seen.over)
        pane.streams()
    walked: list[str] = []
    while walked[-1:] != ["websocket interrupt"]:
        assert len(walked) < 60, walked
        page.press(Keys.TAB)
        walked.append(page.focused())
    wanted = [
        "interrupt",
        "plug",
        "handover",
        "feedback-text",
        "feedback-mode",
        "feedback-send",
        "rate-up",
        "rate-down",
    ]
    assert [role for _, _, role in (at.partition("sse ") for at in walked) if role in wanted] == wanted
    page.press(Keys.ESCAPE)
    page.websocket.ends("interrupted")
    assert not page.sse.look().over, "Escape in one pane is for that pane alone"
    while page.focused() != "sse interrupt":
        page.press(Keys.SHIFT, Keys.TAB)
    page.press(Keys.SPACE)
    page.sse.ends("interrupted")


HOSTILE = "<img src=x onerror=\"document.title='owned'\"><b>&lt;"


def test_html_in_an_answer_is_text(page: Page) -> None:
    title = page.run("return document.title")
    for pane in page.panes:
        pane.part("feedback-text").send_keys(HOSTILE)
    # In large chunks, so that the tags arrive whole.
    page.ask(HOSTILE, model=f"{LONG}&chunk=150")
    for pane in page.panes:
        assert HOSTILE in pane.streams(beyond=149).text
        pane.click("feedback-send")
    for pane in page.panes:
        seen = pane.wait(lambda seen: seen.revision and len(seen.text) > 149)
        assert HOSTILE in seen.revision
        assert HOSTILE in seen.text
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
def test_no_line_of_the_page_could_make_markup_or_a_program_of_a_text(page: Page, sink: str) -> None:
    page.tolerate("Trusted(HTML|Script)|unsafe-eval")
    said = page.run(f"try {{ {sink}; return 'done'; }} catch (error) {{ return error.name; }}")
    assert said in {"TypeError", "EvalError"}


def test_a_phone_needs_no_sideways_scrolling(open_page: Callable[[str], Page], plain_gateway: Server) -> None:
    page = open_page(plain_gateway.url)
    page.device(390, 844, mobile=True)
    for setting, value in (("speed", "2000"), ("language", "code"), ("length", "3000")):
        page.choose(setting, value)
    width = "return [document.documentElement.scrollWidth, innerWidth]"
    assert page.run(width) == [390, 390]
    page.ask("W" * 79)
    for pane in page.panes:
        pane.ends()
    assert page.run(width) == [390, 390]
    outside = page.run(
        "return [...document.querySelectorAll('button, input, select, textarea, dd')]"
        ".filter((part) => part.checkVisibility() && part.getBoundingClientRect().right > 390)"
        ".map((part) => part.outerHTML)"
    )
    assert outside == []


def test_colours_follow_the_reader(page: Page) -> None:
    colours = """
        const rgb = (colour) => colour.match(/[\\d.]+/g).slice(0, 3).map(Number);
        const style = (selector) => getComputedStyle(document.querySelector(selector));
        const [pane, body] = [style("#pane-sse"), style("body")];
        return [pane.color, pane.backgroundColor, body.backgroundColor].map(rgb);
    """
    seen = {}
    for scheme in ("light", "dark"):
        page.scheme(scheme)
        ink, sheet, paper = map(luminance, until(lambda: page.run(colours), lambda: "colours"))
        assert contrast(ink, sheet) >= 7
        assert contrast(ink, paper) >= 7
        seen[scheme] = paper
    assert seen["light"] > 0.8
    assert seen["dark"] < 0.05


def luminance(colour: list[float]) -> float:
    """Give the relative luminance (WCAG 2.2) of an sRGB colour."""
    red, green, blue = (
        part / 255 / 12.92 if part / 255 <= 0.04045 else ((part / 255 + 0.055) / 1.055) ** 2.4 for part in colour
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: float, other: float) -> float:
    """Give the contrast (WCAG 2.2) of two luminances."""
    return (max(one, other) + 0.05) / (min(one, other) + 0.05)


@pytest.mark.parametrize("client", [EVENT_SOURCE, WEB_SOCKET], ids=["EventSource", "WebSocket"])
def test_ten_lines_are_a_client(page: Page, client: str) -> None:
    text, position = page.wait_for(client)
    assert "Why is the sky blue" in text
    generation, _, seq = position.rpartition(":")
    snapshot = read_json(f"{page.url}/api/generations/{generation}")
    assert (snapshot["text"], snapshot["seq"], snapshot["state"]) == (text, int(seq), "complete")


def test_a_gateway_with_keys_is_used_with_one_that_is_typed(driver: Chrome, tmp_path: Path) -> None:
    file = tmp_path / "keys.toml"
    made = command("keys", "create", "alice", "--file", str(file))
    with processes.gateway(keys_file=file) as server:
        driver.get(f"{server.url}/")
        shown = "const entry = document.querySelector('#entry'); return entry.hidden ? '' : entry.innerText"
        until(lambda: driver.execute_script(shown), lambda: driver.get_log("browser"))  # type: ignore[no-untyped-call]
        field = driver.find_element("css selector", "#key")
        field.send_keys("ds_wrong", Keys.ENTER)
        until(lambda: "not valid" in driver.execute_script(shown), lambda: driver.execute_script(shown))
        field.send_keys(made.stdout.strip(), Keys.ENTER)
        until(lambda: not driver.execute_script(shown), lambda: driver.execute_script(shown))
        assert driver.execute_script("return document.querySelector('#key').value") == ""
        stored = "return [localStorage.length, sessionStorage.length, document.cookie, location.href]"
        assert driver.execute_script(stored) == [0, 0, "", f"{server.url}/"]
        Select(driver.find_element("css selector", "#model")).select_by_value("sim-instant")
        Select(driver.find_element("css selector", '[data-setting="speed"]')).select_by_value("2000")
        driver.find_element("css selector", "#run-both").click()
        states = "return [...document.querySelectorAll('[data-role=state]')].map((one) => one.dataset.state)"
        until(lambda: driver.execute_script(states) == ["complete"] * 2, lambda: driver.execute_script(states))
        driver.get("about:blank")
        driver.get_log("browser")  # type: ignore[no-untyped-call]


def test_a_cookie_opens_both_transports_to_our_page_and_neither_to_others(
    driver: Chrome, simulator: Server, tmp_path: Path
) -> None:
    file = tmp_path / "keys.toml"
    key = command("keys", "create", "alice", "--file", str(file)).stdout.strip()
    with processes.gateway(keys_file=file, cookie="__Host-dualstream") as server:
        driver.get(f"{server.url}/")
        put = "const [key, done] = arguments; fetch('/api/session', { method: 'POST', headers: { Authorization: "
        put += "`Bearer ${key}` } }).then(({ status }) => done(status))"
        assert driver.execute_async_script(put, key) == 204
        ours = driver.execute_async_script(COOKIED, server.url)
        assert ours == {"sse": "complete", "socket": "complete", "cookie": ""}
        # Another port of this machine is the same site, so that the browser sends the cookie along.
        driver.get(f"{simulator.url}/")
        assert driver.execute_async_script(COOKIED, server.url) == {"sse": "refused", "socket": 4403, "cookie": ""}
        driver.get(f"{server.url}/")
        assert (
            driver.execute_async_script("fetch('/api/session', { method: 'DELETE' }).then(() => arguments[0]())")
            is None
        )
        assert driver.execute_async_script(COOKIED, server.url)["sse"] == "refused"
        driver.get("about:blank")
        driver.get_log("browser")  # type: ignore[no-untyped-call]


def test_an_event_source_resumes_by_itself_when_its_ticket_is_spent(
    driver: Chrome, simulator: Server, tmp_path: Path
) -> None:
    file = tmp_path / "keys.toml"
    key = command("keys", "create", "alice", "--file", str(file)).stdout.strip()
    upstream = ("--upstream", f"{simulator.url}/v1")
    with processes.gateway(*upstream, keys_file=file, grace=60) as server, TcpProxy(server.url) as wire:
        driver.get(f"{wire.url}/")
        driver.execute_script(TICKETED, key, "sim?ttft=20&speed=400&length=1600")

        def heard() -> dict[str, Any]:
            return dict(driver.execute_script("return heard"))

        def streams(opened: int, beyond: int) -> bool:
            said = heard()
            return said["opened"] == opened and len(said["text"]) > beyond

        for opened, beyond in ((1, 40), (2, 400)):
            until(partial(streams, opened, beyond), heard)
            assert wire.cut() >= 1
        until(lambda: heard()["over"], heard)
        said = heard()
        assert (said["over"], said["opened"]) == ("stopped", 3)
        request = urllib.request.Request(
            f"{server.url}/api/generations/{said['id'].rpartition(':')[0]}", headers={"Authorization": f"Bearer {key}"}
        )
        with urllib.request.urlopen(request) as response:
            snapshot = json.load(response)
        assert (said["text"], said["id"]) == (snapshot["text"], snapshot["position"])
        assert (snapshot["state"], len(snapshot["text"])) == ("complete", 1600)
        assert "ticket" not in server.output
        driver.get("about:blank")
        driver.get_log("browser")  # type: ignore[no-untyped-call]
