"""The demo page offers an example tool to a real model, and continues with the result that the reader wrote."""

from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any

import orjson

from tests.integration import processes
from tests.integration.browser import Page
from tests.integration.servers import http_server

CALL = {
    "index": 0,
    "id": "call_1",
    "type": "function",
    "function": {"name": "get_weather", "arguments": '{"city": "Hanoi"}'},
}


def test_a_real_model_is_offered_the_examples_tool(open_page: Callable[[str], Page]) -> None:
    requests: list[dict[str, Any]] = []

    class Provider(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            requests.append(orjson.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            has_result = requests[-1]["messages"][-1]["role"] == "tool"
            delta = {"content": "It is clear."} if has_result else {"tool_calls": [CALL]}
            reason = "stop" if has_result else "tool_calls"
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            for choice in ({"delta": delta, "finish_reason": None}, {"delta": {}, "finish_reason": reason}):
                self.wfile.write(b"data: %b\n\n" % orjson.dumps({"id": "c", "choices": [{"index": 0, **choice}]}))
            self.wfile.write(b"data: [DONE]\n\n")

        def log_message(self, *_: object) -> None:
            pass

    with http_server(Provider) as origin, processes.gateway("--upstream", f"{origin}/v1") as server:
        page = open_page(server.url)
        page.find("#model").send_keys("forecaster")
        page.run("[...document.querySelectorAll('.chip')].find((chip) => chip.innerText === 'Tool call').click()")
        for pane in page.panes:
            pane.wait_for_end()
            pane.click("send-results")
            assert pane.wait(lambda seen: seen.turns == 2 and seen.has_ended).text == "It is clear."
    assert len(requests) == 4
    for body in requests:
        assert body["model"] == "forecaster"
        assert [tool["function"]["name"] for tool in body["tools"]] == ["get_weather"]
        assert "seed" not in body
