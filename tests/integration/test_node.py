"""The browser client in Node: its own tests, and the client against a real gateway."""

import json
import socket
import subprocess
from pathlib import Path

import pytest

from tests.integration.browser import read_json
from tests.integration.npm import node22
from tests.integration.processes import CHECKOUT, Server, program

SECONDS = 100.0

CLIENT = """
import { Dualstream } from "./static/dualstream.js";

const [, baseURL, transport] = process.argv;
const client = new Dualstream({ baseURL, transport });
const results = {};

async function read(name, model, onChunk = () => {}) {
  const chunks = [];
  let cuts = 0;
  const onState = ({ state: now }) => { cuts += now === "offline" ? 1 : 0; };
  const answer = client.start({ prompt: "Xin chào 👋🏽", model }, { onState });
  for await (const event of answer) {
    if (event.type !== "chunk") continue;
    chunks.push(event.content);
    onChunk(answer, chunks.length);
  }
  const { id, text, state, position } = answer;
  results[name] = { id, text, chunks: chunks.join(""), state, position, cuts };
}

await read("started", "sim-instant");
await read("resumed", "sim?ttft=0&speed=400&length=400&language=emoji", (answer, count) => {
  if (count === 5 || count === 25) answer.reconnect();
});
await read("interrupted", "sim?ttft=0&speed=400&length=40000", (answer, count) => {
  if (count === 5) answer.interrupt("enough");
});
client.close();
console.log(JSON.stringify(results));
"""


def run_node(*arguments: str) -> str:
    """Run Node in the checkout; return what it prints."""
    return _run(program("node", "nodejs"), *arguments)


def run_node22(*arguments: str) -> str:
    """Run Node 22, which has a WebSocket of its own, in the checkout."""
    return _run(node22(), *arguments)


def _run(*command: str) -> str:
    done = subprocess.run(
        command,
        cwd=CHECKOUT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_clients_own_tests_pass() -> None:
    files = sorted(map(str, Path(CHECKOUT, "tests", "static").rglob("*.test.mjs")))
    assert files
    output = run_node("--test", "--test-reporter=tap", *files)
    assert "# fail 0\n" in output
    assert "# pass 0\n" not in output


@pytest.mark.parametrize("transport", ["sse", "fetch", "websocket", "poll", "auto"])
def test_the_client_starts_resumes_and_interrupts(gateway: Server, transport: str) -> None:
    # Node 20 has WebSocket behind a flag that later versions still accept; without an EventSource, `sse` uses fetch.
    results = json.loads(
        run_node("--experimental-websocket", "--input-type=module", "--eval", CLIENT, gateway.url, transport)
    )
    ends = {"started": "complete", "resumed": "complete", "interrupted": "interrupted"}
    for name, state in ends.items():
        snapshot = read_json(f"{gateway.url}/api/generations/{results[name]['id']}")
        assert results[name]["text"] == results[name]["chunks"] == snapshot["text"]
        assert results[name]["state"] == snapshot["state"] == state
        assert results[name]["position"] == snapshot["position"]
    assert "Xin chào 👋🏽" in results["started"]["text"]
    assert results["resumed"]["cuts"] == 2
    assert len(results["resumed"]["text"].encode("utf-32-le")) == 4 * 400
    assert len(results["interrupted"]["text"]) < 40_000


WITHOUT_GATEWAY = """
import { Dualstream } from "./static/dualstream.js";

const [, baseURL, transport] = process.argv;
const client = new Dualstream({ baseURL, transport, retry: { attempts: 1, baseMs: 10 } });
await client.start("Hi").finished.catch(({ code }) => console.log(code));
"""


@pytest.mark.parametrize("transport", ["sse", "fetch", "websocket", "poll"])
def test_the_client_fails_where_no_gateway_listens(transport: str) -> None:
    with socket.socket() as bound:  # and does not listen
        bound.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        assert run_node22("--input-type=module", "--eval", WITHOUT_GATEWAY, url, transport) == "network_error\n"
