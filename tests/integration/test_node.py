"""The browser client in Node: its own tests, and the client against a real gateway."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.integration.browser import read_json
from tests.integration.processes import CHECKOUT, Server, program

SECONDS = 100.0

CLIENT = """
import { Dualstream } from "./static/dualstream.js";

const [, baseURL, transport] = process.argv;
const client = new Dualstream({ baseURL, transport });
const told = {};

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
  told[name] = { id, text, chunks: chunks.join(""), state, position, cuts };
}

await read("started", "sim-instant");
await read("resumed", "sim?ttft=0&speed=400&length=400&language=emoji", (answer, count) => {
  if (count === 5 || count === 25) answer.reconnect();
});
await read("interrupted", "sim?ttft=0&speed=400&length=40000", (answer, count) => {
  if (count === 5) answer.interrupt("enough");
});
client.close();
console.log(JSON.stringify(told));
"""


def run_node(*arguments: str) -> str:
    """Run Node in the checkout and give what it says."""
    ran = subprocess.run(
        [program("node", "nodejs"), *arguments],
        cwd=CHECKOUT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=SECONDS,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def test_the_tests_of_the_client() -> None:
    files = sorted(map(str, Path(CHECKOUT, "tests", "static").glob("*.test.mjs")))
    assert files
    said = run_node("--test", "--test-reporter=tap", *files)
    assert "# fail 0\n" in said
    assert "# pass 0\n" not in said


@pytest.mark.parametrize("transport", ["sse", "fetch", "websocket"])
def test_the_client_in_node(gateway: Server, transport: str) -> None:
    # Node 20 has WebSocket behind a flag, which later ones still take; `sse` without an EventSource reads with fetch.
    told = json.loads(
        run_node("--experimental-websocket", "--input-type=module", "--eval", CLIENT, gateway.url, transport)
    )
    ends = {"started": "complete", "resumed": "complete", "interrupted": "interrupted"}
    for name, state in ends.items():
        snapshot = read_json(f"{gateway.url}/api/generations/{told[name]['id']}")
        assert told[name]["text"] == told[name]["chunks"] == snapshot["text"]
        assert told[name]["state"] == snapshot["state"] == state
        assert told[name]["position"] == snapshot["position"]
    assert "Xin chào 👋🏽" in told["started"]["text"]
    assert told["resumed"]["cuts"] == 2
    assert len(told["resumed"]["text"].encode("utf-32-le")) == 4 * 400
    assert len(told["interrupted"]["text"]) < 40_000
