"""Conversations on the demo page: several turns, tool calls, a refresh, a link, errors; with a real browser."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome, Keys

from tests.integration import processes
from tests.integration.browser import Page, click, wait_until
from tests.integration.processes import Server
from tests.integration.test_processes import command

QUICK = "sim?ttft=10&speed=2000"
SLOW = "sim?ttft=10&speed=120&length=3000"


def test_each_pane_has_a_conversation_of_its_own(page: Page) -> None:
    page.submit("First question?", model=QUICK)
    for pane in page.panes:
        pane.wait_for_end()
    page.submit("Second question?", on="websocket")
    seen = page.websocket.wait(lambda seen: seen.turns == 2 and seen.has_ended)
    assert "Second question?" in seen.text
    assert page.sse.read().turns == 1
    asked = page.run("return [...document.querySelectorAll('#pane-right .asked')].map((part) => part.innerText)")
    assert asked == ["First question?", "Second question?"]
    messages = page.run("return document.querySelector('#ask').page.panes.right.saved.messages")
    assert [message["role"] for message in messages] == ["user", "assistant", "user"]
    click(page.find("#new-conversation"))
    assert [pane.read().turns for pane in page.panes] == [0, 0]


def test_a_tool_call_is_answered_from_the_page(page: Page) -> None:
    page.submit("What is the weather?", model=f"{QUICK}&tool_calls=1")
    for pane in page.panes:
        pane.wait_for_end()
        card = pane.element("tools")
        assert "get_weather" in card.text
        assert '"city": "' in card.text
        field = card.find_element("css selector", "textarea")
        field.send_keys(Keys.CONTROL, "a")
        field.send_keys('{"sky": "a clear sky"}')
        pane.click("send-results")
        seen = pane.wait(lambda seen: seen.turns == 2 and seen.has_ended)
        assert "a clear sky" in seen.text
        assert not page.run("return document.querySelector(arguments[0])", f"{pane.selector} [data-role=send-results]")


def test_a_tool_call_without_a_result_does_not_end_the_conversation(page: Page) -> None:
    page.submit("What is the weather?", model=f"{QUICK}&tool_calls=2", on="sse")
    page.sse.wait_for_end()
    page.submit("Never mind.", model=QUICK, on="sse")
    assert page.sse.wait(lambda seen: seen.turns == 2 and seen.has_ended).state == "complete"


def test_reasoning_is_folded_and_has_a_duration(page: Page) -> None:
    page.submit("Think.", model="sim?ttft=10&speed=300&length=200&reasoning=600", on="sse")
    ticker = "return document.querySelector('#pane-left [data-role=ticker]')?.textContent"
    wait_until(lambda: page.run(ticker), page.sse.read)
    title = "return document.querySelector('#pane-left .reasoning summary').innerText"
    assert page.run(title).startswith("Thinking for ")
    page.sse.wait_for_end()
    assert page.run(title).startswith("Thought for ")
    assert page.run(ticker) == ""
    details = page.find("#pane-left .reasoning")
    assert details.get_attribute("open") is None
    click(details.find_element("css selector", "summary"))
    assert len(page.find("#pane-left .reasoning-text").text) > 500


def test_a_refresh_goes_on_in_both_panes(page: Page) -> None:
    page.submit("A first turn.", model=QUICK)
    for pane in page.panes:
        pane.wait_for_end()
    page.submit("Tell me more.", model=SLOW)
    page.sse.use("websocket")
    before = {pane: pane.wait_for_text(beyond=100) for pane in page.panes}
    page.driver.refresh()
    for pane in page.panes:
        seen = pane.wait_for_text(beyond=len(before[pane].text) + 50)
        assert seen.turns == 2
        assert seen.generation == before[pane].generation
        assert seen.text.startswith(before[pane].text)
        pane.wait_for_notice("Resumed after the refresh: ")
        assert seen.transport == "websocket"
    asked = page.run("return [...document.querySelectorAll('#pane-left .asked')].map((part) => part.innerText)")
    assert asked == ["A first turn.", "Tell me more."]
    for pane in page.panes:
        pane.click("interrupt")
        seen = pane.wait_for_end("interrupted")
        assert seen.text == pane.snapshot()["text"]
        assert "".join(seen.rendered.split()) == "".join(seen.text.split())
    page.driver.refresh()
    for pane in page.panes:
        assert pane.wait_for_end("interrupted").turns == 2
    click(page.find("#new-conversation"))
    page.driver.refresh()
    assert page.sse.read().turns == 0


def test_a_refresh_asks_for_the_key_again_and_then_continues(driver: Chrome, tmp_path: Path) -> None:
    file = tmp_path / "keys.toml"
    key = command("keys", "create", "alice", "--file", str(file)).stdout.strip()
    seen = """
        const { left, right } = document.querySelector("#ask").page.panes;
        return [left, right].map(({ answer }) => answer && [answer.id, answer.text.length, answer.state]);
    """

    def enter_key() -> None:
        shown = "return !document.querySelector('#entry').hidden"
        wait_until(partial(driver.execute_script, shown), partial(driver.get_log, "browser"))
        driver.find_element("css selector", "#key").send_keys(key, Keys.ENTER)

    def both(beyond: int) -> list[Any]:
        panes: list[Any] = driver.execute_script(seen)
        return panes if all(pane and pane[1] > beyond for pane in panes) else []

    with processes.gateway(keys_file=file, grace=60) as server:
        driver.get(f"{server.url}/")
        enter_key()
        driver.find_element("css selector", "#prompt").send_keys(Keys.ENTER)
        before = wait_until(partial(both, 100), partial(driver.execute_script, seen))
        driver.refresh()
        assert key not in driver.execute_script("return JSON.stringify(sessionStorage)")
        enter_key()
        after = wait_until(partial(both, 250), partial(driver.execute_script, seen))
        assert [pane[0] for pane in after] == [pane[0] for pane in before]
        driver.execute_script("document.querySelector('#new-conversation').click()")
        driver.get("about:blank")
        driver.get_log("browser")  # type: ignore[no-untyped-call]


def test_a_refresh_keeps_a_tool_call_that_waits_for_its_result(page: Page) -> None:
    page.submit("What is the weather?", model=f"{QUICK}&tool_calls=1", on="sse")
    page.sse.wait_for_end()
    page.driver.refresh()
    page.sse.wait_for_end()
    wait_until(lambda: "Send result" in page.sse.element("tools").text, page.sse.read)
    page.sse.click("send-results")
    assert "clear" in page.sse.wait(lambda seen: seen.turns == 2 and seen.has_ended).text


def test_a_link_shows_the_same_answer_elsewhere(page: Page) -> None:
    page.submit("Shared.", model=SLOW, on="sse")
    before = page.sse.wait_for_text()
    page.sse.click("share")
    link = wait_until(lambda: page.run("return document.querySelector('#pane-left .link input')?.value"), page.sse.read)
    assert link == f"{page.url}/#{before.generation}"
    assert "on any device" in page.sse.element("link").text
    page.driver.switch_to.new_window("tab")
    page.driver.get(link)
    for pane in page.panes:
        assert pane.wait_for_text().generation == before.generation
    page.websocket.click("interrupt")
    ends = {pane.wait_for_end("interrupted").text for pane in page.panes}
    page.driver.close()
    page.driver.switch_to.window(page.driver.window_handles[0])
    assert ends == {page.sse.wait_for_end("interrupted").text}


@pytest.fixture(scope="module")
def failing_gateway(simulator: Server) -> Iterator[Server]:
    with processes.gateway("--upstream", f"{simulator.url}/v1", max_attempts=1, breaker_failures=0) as server:
        yield server


def test_an_error_says_what_to_do_and_can_be_tried_again(
    open_page: Callable[[str], Page], failing_gateway: Server
) -> None:
    page = open_page(failing_gateway.url)
    page.submit("Too much.", model="sim?fault=429&retry_after=3&ttft=1", on="sse")
    seen = page.sse.wait_for_end("error")
    assert seen.problem.startswith("Too many requests just now.")
    assert "Try again in" in seen.problem
    assert "rate_limit" not in seen.problem
    click(page.find("#pane-left .problem summary"))
    assert "rate_limit" in page.sse.read().problem
    retry = page.sse.element("retry")
    assert retry.get_attribute("aria-disabled") == "true"
    wait_until(lambda: retry.text == "Try again", lambda: retry.text)
    click(retry)
    assert page.sse.wait(lambda seen: seen.turns == 2 and seen.has_ended).state == "error"
    messages = page.run("return document.querySelector('#ask').page.panes.left.saved.messages")
    assert messages == [{"role": "user", "content": "Too much."}]


def test_on_a_phone_the_panes_are_tabs(page: Page) -> None:
    page.set_size(390, 844, mobile=True)
    page.submit("Hello", model=SLOW)
    for pane in page.panes:
        pane.wait_for_text()
    shown = (
        "const box = document.querySelector(arguments[0]).getBoundingClientRect();"
        "return box.left >= 0 && box.right <= 390 && box.top >= 0 && box.bottom <= innerHeight && box.height > 0"
    )
    pressed = "return [...document.querySelectorAll('.tabs [aria-pressed=true]')].map((tab) => tab.dataset.follows)"
    for name, other in (("left", "right"), ("right", "left"), ("left", "right")):
        click(page.find(f".tabs [data-follows={name}]"))
        for part in (".scroll", ".stop"):  # the panes scroll smoothly
            selector = f"#pane-{name} {part}"
            wait_until(partial(page.run, shown, selector), partial(page.run, "return innerWidth"))
        assert not page.run(shown, f"#pane-{other} .stop")
        is_only_one = f"{pressed}.join() === '{name}'"
        wait_until(partial(page.run, is_only_one), partial(page.run, pressed))
    assert page.run(shown, "#stop-all")


def test_on_a_laptop_everything_is_on_the_screen_while_text_streams(page: Page) -> None:
    page.set_size(1366, 648)
    page.submit("Hello", model=SLOW)
    for pane in page.panes:
        pane.wait_for_text(beyond=300)
    outside = page.run(
        "return ['#prompt', '#send', '#stop-all', ...['left', 'right'].flatMap((name) => ['h2', '.scroll', '.stop', "
        "'[data-role=feedback-text]', '[data-role=feedback-send]', '[data-role=plug]'].map("
        "(part) => `#pane-${name} ${part}`))].filter((selector) => {"
        "const box = document.querySelector(selector).getBoundingClientRect();"
        "return !(box.top >= 0 && box.left >= 0 && box.bottom <= innerHeight && box.right <= innerWidth && box.height);"
        "})"
    )
    assert outside == []


MARKDOWN = """
const [texts] = arguments;
import("/static/demo/markdown/view.js").then(({ MarkdownView }) => {
  const draw = (pieces) => {
    const root = document.createElement("div");
    const view = new MarkdownView(root);
    for (const piece of pieces) { view.push(piece); view.render(); }
    view.end();
    return root;
  };
  const attributes = (node) => [...(node.attributes ?? [])].map(({ name, value }) => `${name}=${value}`).sort();
  const shape = (node) => [
    node.nodeName, attributes(node), node.nodeType === 3 ? node.data : [...node.childNodes].map(shape),
  ];
  const isActive = (element) => (
    ["SCRIPT", "IMG", "IFRAME", "STYLE", "OBJECT"].includes(element.nodeName)
      || [...element.attributes].some(({ name }) => name.startsWith("on")));
  done(texts.map((text) => {
    const whole = draw([text]);
    return {
      same: JSON.stringify(shape(whole)) === JSON.stringify(shape(draw([...text]))),
      active: [...whole.querySelectorAll("*")].filter(isActive).length,
      links: [...whole.querySelectorAll("a")].map((link) => [link.getAttribute("href"), link.rel]),
      text: whole.textContent,
    };
  }));
});
"""


def test_markdown_is_rendered_alike_however_it_arrives_and_has_no_active_content(page: Page) -> None:
    scheme = "javascript:"
    documents = [
        "# Title\n\n"
        'Text **bold *both*** and `code`, [link](https://example.com "t").\n\n- a\n  - b\n\n    c\n- [x] d\n',
        "| a | b |\n|---|--:|\n| 1 | **2** |\n\n> quote\n> - list\n\n```js\nconst a = 1;\n```\n\n1. x\n2. y",
        f"[x]({scheme}alert(1)) <script>alert(1)</script> <img src=x onerror=alert(1)> "
        f"![i]({scheme}1) <{scheme}alert(1)>",
        f"```\n<script>alert(1)</script>\n```\n[a](data:text/html,x) [b](https://ok.example) <a href='{scheme}x'>",
        "\u202etext \0 " + "*_" * 200 + "[" * 300 + ">" * 100,
    ]
    results = page.wait_for(MARKDOWN, documents)
    assert [result["same"] for result in results] == [True] * len(documents)
    assert [result["active"] for result in results] == [0] * len(documents)
    links = [link for result in results for link in result["links"]]
    assert [url for url, _ in links] == ["https://example.com", "https://ok.example"]
    assert all("noopener" in rel and "noreferrer" in rel for _, rel in links)
    assert "<script>alert(1)</script>" in results[2]["text"]


def test_a_line_of_a_megabyte_does_not_stop_the_page(page: Page) -> None:
    script = """
        import("/static/demo/markdown/view.js").then(({ MarkdownView }) => {
          const view = new MarkdownView(document.createElement("div"));
          let slowest = 0;
          for (let at = 0; at < 1000; at += 1) {
            const started = performance.now();
            view.push("**word** `x` ".repeat(77));
            view.render();
            slowest = Math.max(slowest, performance.now() - started);
          }
          view.end();
          done(slowest);
        });
    """
    assert page.wait_for(script) < 5000
