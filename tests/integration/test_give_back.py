"""An answer with signed thinking and a tool call, given back by each client in one line, reaches the provider whole."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any, ClassVar, get_args

import pytest

from gateway.client import Client, StartOptions, TransportName
from tests.integration import processes
from tests.integration.processes import Server
from tests.integration.servers import http_server
from tests.integration.test_node import run_node

THINKING = {"type": "thinking", "thinking": "They want the weather.", "signature": "SIGNED"}
REDACTED = {"type": "redacted_thinking", "data": "HIDDEN"}
CALL = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Huế"}}
STREAM: list[dict[str, Any]] = [
    {"type": "message_start", "message": {"id": "m", "usage": {"input_tokens": 3, "output_tokens": 1}}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": "", "signature": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "They want "}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "the weather."}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "SIGNED"}},
    {"type": "content_block_stop", "index": 0},
    {"type": "content_block_start", "index": 1, "content_block": REDACTED},
    {"type": "content_block_stop", "index": 1},
    {"type": "content_block_start", "index": 2, "content_block": {**CALL, "input": {}}},
    {"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": '{"city":'}},
    {"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": '"Huế"}'}},
    {"type": "content_block_stop", "index": 2},
    {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 9}},
    {"type": "message_stop"},
]
QUESTION = {"role": "user", "content": "How is the weather in Huế?"}
RESULT = {"role": "tool", "tool_call_id": "toolu_1", "content": "Rain."}
TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
OPTIONS: StartOptions = {"tools": [TOOL], "reasoning_effort": "low", "max_tokens": 8000}
MODEL = "claude-sonnet-4-5"

NODE = """
import { Dualstream } from "./static/dualstream.js";
const [, baseURL, transport, json] = process.argv;
const { question, result, ...more } = JSON.parse(json);
const client = new Dualstream({ baseURL, transport });
const first = client.start({ messages: [question], ...more });
await first.finished;
await client.start({ messages: [question, first.message(), result], ...more }).finished;
client.close();
console.log("done");
"""


class Claude(BaseHTTPRequestHandler):
    """A provider with Anthropic's API; it records the bodies of requests."""

    bodies: ClassVar[list[dict[str, Any]]] = []

    def do_POST(self) -> None:
        """Send the answer."""
        self.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        for event in STREAM:
            self.wfile.write(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode())

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@pytest.fixture(scope="module")
def claude_gateway() -> Iterator[Server]:
    with (
        http_server(Claude) as upstream,
        processes.gateway("--upstream", upstream, "--upstream-api", "anthropic", "--model", MODEL) as gateway,
    ):
        yield gateway


def check_second_request() -> None:
    first, second = Claude.bodies
    Claude.bodies.clear()
    assert [message["role"] for message in first["messages"]] == ["user"]
    _, assistant, result = second["messages"]
    assert assistant["content"] == [THINKING, REDACTED, CALL]
    assert result["content"][0]["tool_use_id"] == "toolu_1"


@pytest.mark.parametrize("transport", get_args(TransportName))
async def test_the_python_client_gives_thinking_and_calls_back(
    claude_gateway: Server, transport: TransportName
) -> None:
    async with Client(claude_gateway.url, transport=transport) as client:
        answer = await client.start([QUESTION], options=OPTIONS)
        async for _event in answer:
            pass
        again = await client.start([QUESTION, answer.message(), RESULT], options=OPTIONS)
        async for _event in again:
            pass
    assert [call.name for call in answer.tool_calls] == ["weather"]
    assert answer.reasoning == "They want the weather."
    check_second_request()


@pytest.mark.parametrize("transport", ["fetch", "websocket"])
def test_the_browser_client_gives_thinking_and_calls_back(claude_gateway: Server, transport: str) -> None:
    request = json.dumps({"question": QUESTION, "result": RESULT, "options": OPTIONS})
    arguments = ("--experimental-websocket", "--input-type=module", "--eval", NODE)
    assert run_node(*arguments, claude_gateway.url, transport, request) == "done\n"
    check_second_request()
