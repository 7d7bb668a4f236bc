"""The commands and clients of the README, run as documented, at the address of the test's gateway."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome, Keys

from tests.integration import processes
from tests.integration.browser import click, read_json, wait_until
from tests.integration.clients.installation import required_installation
from tests.integration.clients.stage import FAILOVER_MODEL, configuration, provider_process
from tests.integration.javascript.project import Project, serve
from tests.integration.npm import node22
from tests.integration.processes import CHECKOUT, Server, program
from tests.integration.test_client_pages import TEXT, Place, output

README = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
DOCUMENTED_URL = "http://127.0.0.1:8080"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_the_curl_command_streams_an_answer(plain_gateway: Server) -> None:
    (command,) = [block for block in blocks("sh") if block.startswith("curl")]
    program("curl")
    done = subprocess.run(
        shlex.split(command.replace(DOCUMENTED_URL, plain_gateway.url)),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.startswith('data: {"type":"chunk"')
    assert "event: complete" in done.stdout


# Remembers the generation that a client of the README starts.
REMEMBER_GENERATION = """
const remember = ({ data }) => {
  const event = JSON.parse(data);
  if (event.type === "accepted") window.generation = event.generation_id;
};
window.EventSource = class extends EventSource {
  constructor(...options) { super(...options); this.addEventListener("accepted", remember); }
};
window.WebSocket = class extends WebSocket {
  constructor(...options) { super(...options); this.addEventListener("message", remember); }
};
"""
SEND_FEEDBACK = """
const headers = { "Content-Type": "application/json" };
const body = JSON.stringify({ text: "Shorter, please." });
const done = arguments[0];
fetch(`/api/generations/${generation}/feedback`, { method: "POST", headers, body }).then(({ status }) => done(status));
"""


@pytest.mark.parametrize("name", ["new EventSource", "new WebSocket"])
def test_the_short_clients_begin_again_with_a_revision(driver: Chrome, plain_gateway: Server, name: str) -> None:
    (client,) = [block for block in blocks("js") if name in block]
    driver.get(plain_gateway.url)
    driver.execute_script(REMEMBER_GENERATION)
    driver.execute_script(client)
    read_text = "return document.body.textContent"
    wait_until(
        lambda: driver.execute_script(read_text).startswith("You asked"), lambda: driver.execute_script(read_text)
    )
    assert driver.execute_async_script(SEND_FEEDBACK) == 202
    address = f"{plain_gateway.url}/api/generations/{driver.execute_script('return generation')}"
    wait_until(lambda: read_json(address)["end"] is not None, lambda: read_json(address))
    snapshot = read_json(address)
    assert snapshot["revision"] == 2
    wait_until(
        lambda: driver.execute_script(read_text) == snapshot["text"],
        lambda: (driver.execute_script(read_text), snapshot["text"]),
    )


PROMPT = "Why is the sky blue?"


@pytest.fixture(scope="module")
def failing_gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A gateway whose default model loses its first upstream in the middle of each answer."""
    config = tmp_path_factory.mktemp("failover") / "dualstream.toml"
    with provider_process() as provider:
        config.write_text(f'default_model = "{FAILOVER_MODEL}"\n{configuration(provider.url)}', "utf-8")
        with processes.gateway("--config", str(config), breaker_failures=1000) as server:
            yield server


@pytest.mark.parametrize("name", ["new EventSource", "new WebSocket"])
def test_the_short_clients_show_one_text_after_a_failover(driver: Chrome, failing_gateway: Server, name: str) -> None:
    (client,) = [block for block in blocks("js") if name in block]
    driver.get(f"{failing_gateway.url}/health")
    driver.execute_script(REMEMBER_GENERATION)
    driver.execute_script(client)
    read_text = "return document.body.textContent"
    wait_until(lambda: driver.execute_script(read_text) == TEXT, lambda: driver.execute_script(read_text))
    snapshot = read_json(f"{failing_gateway.url}/api/generations/{driver.execute_script('return generation')}")
    assert [attempt["ended"] for attempt in snapshot["attempts"]] == ["truncated", "answered"]
    assert snapshot["revision"] == 2


# Counts starts, and keeps what the page showed before each.
COUNT_STARTS = """
window.shown = [];
const count = ({ data }) => {
  if (JSON.parse(data).type === "accepted") shown.push(document.body.textContent);
};
window.EventSource = class extends EventSource {
  constructor(...options) { super(...options); this.addEventListener("accepted", count); }
};
window.WebSocket = class extends WebSocket {
  constructor(...options) { super(...options); this.addEventListener("message", count); }
};
"""


@pytest.mark.parametrize("name", ["new EventSource", "new WebSocket"])
def test_the_short_clients_begin_again_after_a_retryable_error(driver: Chrome, name: str) -> None:
    (client,) = [block for block in blocks("js") if name in block]
    with (
        provider_process() as provider,
        processes.gateway("--upstream", f"{provider.url}/v1", "--model", "kit", breaker_failures=1000) as gateway,
    ):
        driver.get(f"{gateway.url}/health")
        driver.execute_script(COUNT_STARTS)
        # The provider fails the first time in the middle of its answer.
        driver.execute_script(client.replace(PROMPT, "KIT:flaky"))
        read_text = "return document.body.textContent"
        wait_until(lambda: driver.execute_script(read_text) == TEXT, lambda: driver.execute_script(read_text))
        _, before_retry = driver.execute_script("return shown")
        assert before_retry == "The quick brown fox "
        # An error that lasts is shown, after two more starts.
        driver.get(f"{gateway.url}/health")
        driver.execute_script(COUNT_STARTS)
        driver.execute_script(client.replace(PROMPT, "KIT:fail"))
        wait_until(lambda: driver.execute_script(read_text).endswith("]"), lambda: driver.execute_script(read_text))
        assert driver.execute_script(read_text).startswith("The quick brown fox  [The provider sent an error")
        assert len(driver.execute_script("return shown")) == 3
        # So is one that a retry does not help.
        driver.get(f"{gateway.url}/health")
        driver.execute_script(COUNT_STARTS)
        driver.execute_script(client.replace(PROMPT, "KIT:error"))
        wait_until(lambda: driver.execute_script(read_text).endswith("]"), lambda: driver.execute_script(read_text))
        assert len(driver.execute_script("return shown")) == 1


@pytest.mark.parametrize(("name", "ends"), [("new EventSource", "complete"), ("new WebSocket", "interrupted")])
def test_the_short_clients(driver: Chrome, plain_gateway: Server, name: str, ends: str) -> None:
    (client,) = [block for block in blocks("js") if name in block]
    assert len(client.strip().splitlines()) <= 18
    driver.get(plain_gateway.url)
    driver.execute_script(client)
    read_text = "return document.body.textContent"
    wait_until(
        lambda: driver.execute_script(read_text).startswith("You asked"), lambda: driver.execute_script(read_text)
    )
    # The EventSource client shows the whole answer, the WebSocket client stops it after a second.
    length = 600 if ends == "complete" else 0
    texts: list[str] = []

    def has_stopped() -> bool:
        texts.append(driver.execute_script(read_text))
        return len(texts) > 50 and len(set(texts[-50:])) == 1

    wait_until(has_stopped, lambda: texts[-1])
    assert len(texts[-1]) == length if length else 0 < len(texts[-1]) < 600


# The elements of the page around the client of any framework.
ELEMENTS = """
document.body.innerHTML = `<p id="output"></p><form id="form"><input name="prompt"></form>
  <button id="stopButton">Stop</button>`;
window.done = import("/static/dualstream.js").then(({ Conversation, Dualstream }) => { %s });
"""


def test_the_browser_module(driver: Chrome, plain_gateway: Server) -> None:
    (example,) = [block for block in blocks("js") if "/static/dualstream.js" in block]
    line, _, rest = example.partition("\n")
    assert line == 'import { Conversation, Dualstream } from "/static/dualstream.js";'
    read_text = "return document.getElementById('output').textContent"

    def shown(beyond: int) -> str:
        wait_until(lambda: len(driver.execute_script(read_text)) > beyond, lambda: driver.execute_script(read_text))
        return str(driver.execute_script(read_text))

    def show_page() -> None:
        driver.execute_script(ELEMENTS % rest)
        # Before the module has run, Enter would send the form to the gateway.
        driver.execute_async_script("window.done.then(arguments[0])")

    driver.get(f"{plain_gateway.url}/health")
    show_page()
    driver.find_element("name", "prompt").send_keys(PROMPT, Keys.ENTER)
    before = shown(60)
    driver.refresh()
    show_page()
    assert shown(len(before)).startswith(before)
    click(driver.find_element("id", "stopButton"))
    wait_until(lambda: _has_no_running_generation(plain_gateway), lambda: driver.execute_script(read_text))
    assert len(driver.execute_script(read_text)) < 600


MOUNTS = {
    "dualstream/react": "const properties = {};",
    "@ai-sdk/react": """const properties = {
      id: (sessionStorage.chat ??= "chat-1"),
      earlier: [{ id: "1", role: "user", parts: [{ type: "text", text: "Earlier" }] }],
    };""",
}
MOUNT = """
import { createRoot } from "react-dom/client";
createRoot(document.querySelector("main")).render(<Chat {...properties} />);
"""


@pytest.mark.parametrize("name", MOUNTS)
def test_the_components_stop_and_resume(driver: Chrome, tmp_path: Path, archive: Path, name: str) -> None:
    (code,) = [block for block in blocks("jsx") if f'"{name}"' in block]
    project = Project(tmp_path, archive)
    for packages in ("chat_uis", "bundling"):
        project.link(packages)
    project.write("chat.jsx", code + MOUNTS[name] + MOUNT)
    site = project.bundle("chat.jsx")
    with serve(site) as origin, processes.gateway(allowed_origins=origin) as gateway:
        bundle = site / "page.js"
        bundle.write_text(bundle.read_text("utf-8").replace(DOCUMENTED_URL, gateway.url), "utf-8")
        read_text = "return [...document.querySelectorAll('.assistant')].at(-1)?.textContent ?? ''"

        def shown(beyond: int) -> str:
            wait_until(lambda: len(driver.execute_script(read_text)) > beyond, lambda: driver.page_source)
            return str(driver.execute_script(read_text))

        driver.get(origin)
        wait_until(lambda: driver.find_elements("name", "prompt"), lambda: driver.page_source)
        driver.find_element("name", "prompt").send_keys(PROMPT, Keys.ENTER)
        before = shown(60)
        driver.refresh()
        assert shown(len(before)).startswith(before)
        click(driver.find_element("xpath", "//button[text()='Stop']"))
        wait_until(lambda: driver.find_elements("xpath", "//button[text()='Send']"), lambda: driver.page_source)
        assert _has_no_running_generation(gateway)
        assert len(driver.execute_script(read_text)) < 600


def _has_no_running_generation(gateway: Server) -> bool:
    done = subprocess.run(
        [program("curl"), "-s", f"{gateway.url}/api/stats"], capture_output=True, text=True, check=True, timeout=60
    )
    return '"running":0' in done.stdout


def test_the_python_client(plain_gateway: Server) -> None:
    (example,) = [block for block in blocks("python") if "from dualstream import" in block]
    script = example.replace(DOCUMENTED_URL, plain_gateway.url)
    path = os.pathsep.join([str(CHECKOUT / "gateway/client/top_level"), str(CHECKOUT)])
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.startswith("You asked: “Why is the sky blue?”")
    assert "“And at sunset?”" in done.stdout


@pytest.mark.parametrize(("language", "name"), [("python", "openai"), ("js", "@anthropic-ai/sdk"), ("sh", "claude -p")])
def test_the_sdks_that_exist(plain_gateway: Server, tmp_path: Path, language: str, name: str) -> None:
    place = Place(required_installation(), plain_gateway.url)
    (example,) = [block for block in blocks(language) if name in block]
    (tmp_path / "example.mjs").write_text(example.replace(DOCUMENTED_URL, plain_gateway.url), "utf-8")
    (tmp_path / "node_modules").symlink_to(place.installed.folder / "node_modules")
    program = {"python": place.installed.python, "js": node22(), "sh": "bash"}[language]
    assert "You asked: “" in output(place, [str(program), "example.mjs"], tmp_path)


def test_the_terminal_client(plain_gateway: Server) -> None:
    (commands,) = [block for block in blocks("sh") if "chat --transport ws" in block]
    (line,) = [line for line in commands.splitlines() if "--transport ws" in line]
    arguments = shlex.split(line)
    assert arguments[0] == ".venv/bin/dualstream"
    done = subprocess.run(
        [sys.executable, "-m", "gateway", *arguments[1:], "--url", plain_gateway.url],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.startswith("You asked: “Why is the sky blue?”")


def test_the_configuration_is_valid(tmp_path: Path) -> None:
    (example,) = blocks("toml")
    (commands,) = [block for block in blocks("sh") if "dualstream check" in block]
    (tmp_path / "dualstream.toml").write_text(example, "utf-8")
    keys = dict.fromkeys(("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "DEEPSEEK_API_KEY"), "k")
    done = subprocess.run(
        [sys.executable, "-m", "gateway", *shlex.split(commands.splitlines()[0], comments=True)[1:]],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        cwd=tmp_path,
        env={**os.environ, **keys},
    )
    assert done.stdout.startswith("dualstream.toml: valid\nfast, default\n")


def test_the_comparison_of_models(tmp_path: Path) -> None:
    (command,) = [line for block in blocks("sh") for line in block.splitlines() if "bench providers" in line]
    arguments = shlex.split(command, comments=True)
    assert arguments[0] == ".venv/bin/dualstream"
    done = subprocess.run(
        [sys.executable, "-m", "gateway", *arguments[1:], "--max-tokens", "4"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        cwd=tmp_path,
    )
    assert "sim-claude-3.5-sonnet" in done.stdout
    assert "sim-claude-3.5-sonnet" in (tmp_path / "models.html").read_text("utf-8")
