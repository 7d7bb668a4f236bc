"""`useGeneration` in real React and Chromium: turns, stop, feedback, retry, refresh, StrictMode, servers."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import pytest
from selenium.webdriver import Chrome

from tests.integration import processes
from tests.integration.browser import click, read_json, wait_until
from tests.integration.javascript.project import Project, serve
from tests.integration.npm import node22
from tests.integration.processes import Server, TcpProxy, program

SLOW: Final = "sim?ttft=0&speed=200&length=100000"
SHORT: Final = "sim?ttft=0&speed=2000&length=300"


@dataclass
class Chats:
    """A page of chats."""

    driver: Chrome
    site: str
    gateway: str

    def open(self, **chats: Mapping[str, object]) -> None:
        """Open the page with these chats, each with the options of its hook."""
        self.driver.get(f"{self.site}/?chats={quote(json.dumps(self._complete(chats)))}")
        self.wait(lambda: self.run("return Object.keys(page.chats).length") == len(chats))

    def show(self, **chats: Mapping[str, object]) -> None:
        """Show these chats from now on; the others leave."""
        self.run("page.show(arguments[0])", self._complete(chats))

    def _complete(self, chats: Mapping[str, Mapping[str, object]]) -> Mapping[str, Mapping[str, object]]:
        return {name: {"baseURL": self.gateway, "model": SHORT, **options} for name, options in chats.items()}

    def run(self, script: str, *arguments: object) -> Any:  # noqa: ANN401 - what the script returns
        """Run a script in the page."""
        return self.driver.execute_script(script, *arguments)

    def wait(self, condition: Callable[[], object]) -> None:
        """Wait for a condition."""
        wait_until(condition, lambda: (self.run("return document.body.innerText").strip()[-500:], self.console()))

    def send(self, name: str, text: str) -> None:
        """Send a text."""
        self.run("void page.chats[arguments[0]].send(arguments[1])", name, text)

    def status(self, name: str) -> str:
        """Return the status that a chat shows."""
        return str(self.run("return document.getElementById(arguments[0]).dataset.status", name))

    def generation(self, name: str) -> str:
        """Return the id of the generation that a chat shows."""
        return str(self.run("return document.getElementById(arguments[0]).dataset.generation", name))

    def texts(self, name: str) -> list[str]:
        """Return the messages that a chat shows."""
        script = "return [...document.querySelectorAll(`#${arguments[0]} li`)].map((item) => item.textContent)"
        found: list[str] = self.run(script, name)
        return found

    def text(self, name: str, selector: str) -> str:
        """Return the text of an element of a chat."""
        return str(
            self.run("return document.querySelector(`#${arguments[0]} ${arguments[1]}`).textContent", name, selector)
        )

    def click(self, name: str, button: str) -> None:
        """Click a button of a chat."""
        click(self.driver.find_element("css selector", f"#{name} .{button}"))

    def snapshot(self, name: str) -> Mapping[str, Any]:
        """Return the gateway's snapshot of the generation that a chat shows."""
        found: Mapping[str, Any] = read_json(f"{self.gateway}/api/generations/{self.generation(name)}")
        return found

    def wait_for_text(self, name: str) -> None:
        """Wait until the last message has some text."""
        self.wait(lambda: self.status(name) == "streaming" and len(self.texts(name)[-1]) > 20)

    def wait_for_end(self, name: str, status: str = "ready") -> None:
        """Wait until the answer has ended."""
        self.wait(lambda: self.status(name) == status)

    def console(self) -> list[str]:
        """Return the messages of the console, but React's advertisement of its tools."""
        messages = [str(entry["message"]) for entry in self.driver.get_log("browser")]  # type: ignore[no-untyped-call]
        return [message for message in messages if "Download the React DevTools" not in message]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, archive: Path) -> Project:
    return build(tmp_path_factory.mktemp("project"), archive, "bundling")


def build(folder: Path, archive: Path, *sets: str) -> Project:
    """Build a project with the chats and packages of sets."""
    project = Project(folder, archive)
    for name in sets:
        project.link(name)
    for name in ("chats.tsx", "server.mjs"):
        project.copy(name)
    return project


@contextmanager
def chats_of(project: Project, driver: Chrome, simulator: Server) -> Iterator[Chats]:
    """Serve the chats of a project, beside a gateway that allows their origin."""
    upstream = ("--upstream", f"{simulator.url}/v1")
    with (
        serve(project.bundle("chats.tsx")) as site,
        processes.gateway(*upstream, allowed_origins=site, grace=60, rate_limit_per_minute=0) as server,
    ):
        yield Chats(driver, site, server.url)


@pytest.fixture(scope="module")
def chats(driver: Chrome, project: Project, simulator: Server) -> Iterator[Chats]:
    with chats_of(project, driver, simulator) as chats:
        yield chats


@pytest.mark.parametrize("transport", ["sse", "fetch", "websocket", "poll"])
def test_two_chats_of_several_turns(chats: Chats, transport: str) -> None:
    chats.open(a={"transport": transport}, b={"transport": transport})
    for turn, texts in enumerate((("One", "Two"), ("Three", "Four")), start=1):
        for name, text in zip("ab", texts, strict=True):
            chats.send(name, text)
        for name, text in zip("ab", texts, strict=True):
            chats.wait(lambda name=name, turn=turn: len(chats.texts(name)) == 2 * turn)  # type: ignore[misc]
            chats.wait_for_end(name)
            assert chats.texts(name)[-2] == text
            assert chats.texts(name)[-1] == chats.snapshot(name)["text"] != ""
            assert chats.text(name, ".usage") == str(chats.snapshot(name)["usage"]["output_tokens"])
    assert chats.run("return page.counts.a.finished") == ["complete", "complete"]
    assert chats.console() == []


def test_a_paint_per_frame_at_most(chats: Chats) -> None:
    chats.open(a={"model": "sim?ttft=0&speed=10000&length=20000&chunk=2"})
    before = chats.run("return [page.open.frames, page.counts.a.commits]")
    chats.send("a", "Hi")
    chats.wait_for_end("a")
    frames, commits = chats.run("return [page.open.frames, page.counts.a.commits]")
    # Changes of the state are shown at once: sent, connected, first content, end.
    assert 0 < commits - before[1] <= frames - before[0] + 8
    assert len(chats.texts("a")[-1]) == 20_000


def test_stop_is_an_event_handler(chats: Chats) -> None:
    chats.open(a={"model": SLOW})
    chats.send("a", "Hi")
    chats.wait_for_text("a")
    chats.click("a", "stop")
    chats.wait_for_end("a")
    snapshot = chats.snapshot("a")
    assert (snapshot["state"], snapshot["end"]["by"]) == ("interrupted", "client")
    assert chats.texts("a")[-1] == snapshot["text"]
    assert chats.run("return page.counts.a.finished") == ["interrupted"]


def test_feedback_begins_a_new_revision(chats: Chats) -> None:
    chats.open(a={"model": "sim?ttft=0&speed=400&length=1500"})
    chats.send("a", "Hi")
    chats.wait_for_text("a")
    chats.run("return page.chats.a.feedback('Shorter, please.')")
    chats.wait_for_end("a")
    snapshot = chats.snapshot("a")
    assert (snapshot["revision"], snapshot["state"]) == (2, "complete")
    assert chats.texts("a") == ["Hi", snapshot["text"]]
    # A rating after the end.
    reply = chats.run("return page.chats.a.feedback({ rating: 1, mode: 'note' }, 'm2')")
    assert chats.snapshot("a")["feedback"][-1]["feedback_id"] == reply["feedback_id"]


def test_an_error_is_shown_and_a_retry_with_another_model_replaces_the_answer(chats: Chats) -> None:
    chats.open(a={"model": "sim?ttft=0&fault=drop&after=3"})
    chats.send("a", "Hi")
    chats.wait_for_end("a", "error")
    assert chats.text("a", ".error") == "truncated"
    assert chats.run("return page.counts.a.failed") == ["truncated"]
    first = chats.generation("a")
    chats.show(a={})
    chats.click("a", "retry")
    chats.wait(lambda: chats.generation("a") not in {first, "None"})
    chats.wait_for_end("a")
    assert chats.text("a", ".error") == ""
    assert chats.texts("a") == ["Hi", chats.snapshot("a")["text"]]
    assert chats.snapshot("a")["state"] == "complete"


@pytest.mark.parametrize("transport", ["sse", "websocket"])
def test_a_refresh_resumes_the_answer_that_runs(chats: Chats, transport: str) -> None:
    chats.open(a={"resume": f"refreshed over {transport}", "model": SLOW, "transport": transport})
    chats.send("a", "Hi")
    chats.wait_for_text("a")
    generation = chats.generation("a")
    chats.driver.refresh()
    chats.wait(lambda: chats.run("return 'page' in window && 'a' in page.chats"))
    chats.wait_for_text("a")
    assert chats.generation("a") == generation
    chats.click("a", "stop")
    chats.wait_for_end("a")
    ended = chats.texts("a")
    assert ended == ["Hi", chats.snapshot("a")["text"]]
    chats.driver.refresh()
    chats.wait(lambda: chats.run("return 'page' in window && 'a' in page.chats"))
    chats.wait(lambda: chats.texts("a") == ended)
    assert chats.status("a") == "ready"


@pytest.mark.parametrize("transport", ["sse", "fetch", "websocket"])
def test_a_component_that_leaves_closes_everything_and_the_answer_runs_on(chats: Chats, transport: str) -> None:
    options = {"resume": f"left over {transport}", "model": SLOW, "transport": transport}
    chats.open(a=options)
    chats.send("a", "Hi")
    chats.wait_for_text("a")
    generation, before = chats.generation("a"), len(chats.texts("a")[-1])
    chats.show()
    chats.wait(lambda: chats.run("return document.querySelector('section')") is None)
    is_closed = (
        "return page.open.sockets.every(({ readyState }) => readyState > 1)"
        " && page.open.sources.every(({ readyState }) => readyState === 2) && page.open.timers.size === 0"
    )
    chats.wait(lambda: chats.run(is_closed))
    state = read_json(f"{chats.gateway}/api/generations/{generation}")["state"]
    assert state == "streaming"
    chats.show(a=options)
    chats.wait(lambda: chats.run("return document.querySelector('section')") is not None)
    chats.wait_for_text("a")
    chats.wait(lambda: len(chats.texts("a")[-1]) > before)
    assert chats.generation("a") == generation
    chats.click("a", "stop")
    chats.wait_for_end("a")


@pytest.mark.parametrize("retry", [{"attempts": 0}, {"baseMs": 600_000, "maxMs": 600_000}], ids=["ended", "waiting"])
def test_it_resumes_when_the_network_is_back(chats: Chats, retry: Mapping[str, int]) -> None:
    with TcpProxy(chats.gateway) as proxy:
        model = "sim?ttft=0&speed=300&length=2000"
        chats.open(a={"model": model, "retry": retry, "transport": "fetch", "baseURL": proxy.url})
        chats.send("a", "Hi")
        chats.wait_for_text("a")
        with proxy.down():
            chats.wait(lambda: chats.run("return page.chats.a.error ?? page.chats.a.retrying"))
        chats.run("window.dispatchEvent(new Event('online'))")
        chats.wait_for_end("a")
        assert chats.texts("a") == ["Hi", chats.snapshot("a")["text"]]
        assert chats.snapshot("a")["state"] == "complete"
    chats.console()  # has the lost connection


def test_another_transport_continues_the_answer(chats: Chats) -> None:
    chats.open(a={"model": "sim?ttft=0&speed=400&length=1000&language=emoji"})
    chats.send("a", "Hi")
    chats.wait_for_text("a")
    chats.run("page.chats.a.setTransport('websocket')")
    chats.wait(lambda: chats.run("return document.getElementById('a').dataset.transport") == "websocket")
    chats.wait_for_end("a")
    assert chats.texts("a")[-1] == chats.snapshot("a")["text"]
    assert chats.console() == []


def test_a_conversation_of_the_application_outlives_the_component(chats: Chats) -> None:
    chats.open()
    chats.run("window.given = page.converse(arguments[0], arguments[1]); page.show(given)", chats.gateway, SLOW)
    chats.wait(lambda: chats.run("return 'given' in page.chats"))
    chats.send("given", "Hi")
    chats.wait_for_text("given")
    before = len(chats.texts("given")[-1])
    chats.show()
    script = "return given.given.conversation.state.text.length"
    chats.wait(lambda: chats.run(script) > before + 100)
    chats.run("page.show(given)")
    chats.wait(lambda: chats.run("return document.querySelector('section')") is not None)
    chats.click("given", "stop")
    chats.wait_for_end("given")
    assert chats.texts("given") == ["Hi", chats.snapshot("given")["text"]]


def test_the_html_of_a_server_is_taken_over(chats: Chats) -> None:
    chats.open(a={"resume": "hydrated"})
    chats.send("a", "Hi")
    chats.wait(lambda: len(chats.texts("a")) == 2)
    chats.wait_for_end("a")
    expected = chats.texts("a")
    chats.driver.get(chats.site)
    chats.run("page.hydrate(arguments[0])", {"a": {"baseURL": chats.gateway, "resume": "hydrated"}})
    chats.wait(lambda: chats.texts("a") == expected)
    assert chats.console() == []


def test_a_server_renders_it_and_opens_nothing(project: Project) -> None:
    for node in (program("node", "nodejs"), node22()):
        assert project.node(node, "server.mjs").strip() == '<p class="ready"><b>Hello</b></p>'


WRONG: Final = """
import { createElement } from "react";
import { renderToString } from "react-dom/server";
import { Conversation, Dualstream } from "dualstream";
import { useGeneration } from "dualstream/react";
const client = new Dualstream();
const conversation = new Conversation(client);
const wrong = [{ tranport: "sse" }, { client, baseURL: "/" }, { conversation, resume: "a" }, { transport: "ws" }];
const errors = wrong.map((options) => {
  const Chat = () => useGeneration(options).text;
  try { return renderToString(createElement(Chat)); } catch (error) { return `${error.name}: ${error.message}`; }
});
console.log(JSON.stringify(errors));
"""


def test_options_that_have_no_effect_are_errors(project: Project) -> None:
    printed = project.node(node22(), "--input-type=module", "--eval", WRONG)
    assert json.loads(printed) == [
        "TypeError: useGeneration(): tranport is not an option; did you mean transport?",
        "TypeError: useGeneration(): baseURL has no effect beside client: set it where that is created.",
        "TypeError: useGeneration(): resume has no effect beside conversation: set it where that is created.",
        "TypeError: ws is not a transport: use sse, fetch, websocket, poll or auto.",
    ]


def test_the_oldest_react(driver: Chrome, simulator: Server, archive: Path, tmp_path: Path) -> None:
    project = build(tmp_path, archive, "react18", "bundling")
    with chats_of(project, driver, simulator) as chats:
        chats.open(a={})
        assert chats.run("return page.react").startswith("18.")
        chats.send("a", "Hi")
        chats.wait(lambda: len(chats.texts("a")) == 2)
        chats.wait_for_end("a")
        assert chats.texts("a") == ["Hi", chats.snapshot("a")["text"]]
        assert chats.console() == []
