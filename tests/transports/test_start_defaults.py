"""The system prompt, options and tools of a model, by the protocol of the client that starts."""

import asyncio
from typing import Any

import pytest

from gateway.protocol.events import Chunk
from gateway.routing.start_defaults import StartDefaults
from tests.served.clients import protocols
from tests.served.gateway import Served
from tests.served.viewers import until

__all__ = ["protocols"]

Json = dict[str, Any]

SECRET = "Our prices are secret."
TOOL: Json = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}
USER: Json = {"role": "user", "content": "Hello"}
UI_MESSAGE: Json = {"id": "1", "role": "user", "parts": [{"type": "text", "text": "Hello"}]}
RUN: Json = {"threadId": "t", "runId": "r", "messages": [{"id": "1", **USER}], "tools": [], "forwardedProps": {}}
AI_SDK: Json = {"id": "c", "messages": [UI_MESSAGE], "trigger": "submit-message"}
TURN: Json = {"role": "user", "parts": [{"text": "Hello"}]}

PAGES: dict[str, tuple[str, Json]] = {
    "native stream": ("/api/chat/stream", {"messages": [USER]}),
    "native start": ("/api/generations", {"messages": [USER]}),
    "AI SDK": ("/api/ai-sdk/chat", AI_SDK),
    "AG-UI": ("/api/ag-ui", RUN),
    "TanStack AI": ("/api/tanstack", RUN),
}
SOCKETS: dict[str, tuple[str, Json]] = {
    "native": ("/api/ws", {"type": "start", "messages": [USER]}),
    "AI SDK": ("/api/ai-sdk/chat", {"type": "send", "requestId": "r", "headers": {}, **AI_SDK}),
    "TanStack AI": ("/api/tanstack?runId=r", RUN),
}
MODEL_APIS: dict[str, tuple[str, Json]] = {
    "Chat Completions": ("/v1/chat/completions", {"messages": [USER]}),
    "outdated functions": ("/v1/chat/completions", {"messages": [USER], "functions": [{"name": "own"}]}),
    "Responses": ("/v1/responses", {"input": "Hello"}),
    "Messages": ("/v1/messages", {"model": "m", "max_tokens": 9, "messages": [USER]}),
    "Gemini": ("/v1beta/models/m:generateContent", {"contents": [TURN]}),
}


@pytest.fixture(autouse=True)
def _defaults(served: Served) -> None:
    served.hub.models.by_name["m"].defaults = StartDefaults.of(SECRET, {"temperature": 0.3, "tools": [TOOL]})


def contents(served: Served) -> list[str]:
    return [str(message.content) for message in served.upstream.last.request.messages]


def assert_added(served: Served) -> None:
    assert contents(served) == [SECRET, "Hello"]
    options = served.upstream.last.request.options
    assert (options["temperature"], options["tools"]) == (0.3, [TOOL])


async def answered(served: Served, path: str, body: Json) -> str:
    """Post a body, let the provider answer, and return the response."""
    task = asyncio.ensure_future(served.http.post(path, json=body).__aenter__())
    await until(lambda: bool(served.upstream.calls) or task.done())
    served.upstream.last.send(Chunk("Hi"))
    served.upstream.last.finish()
    async with await task as response:
        assert response.status < 300
        return await response.text()


@pytest.mark.parametrize("client", PAGES)
async def test_they_are_added_to_the_starts_of_pages_and_nothing_says_so(served: Served, client: str) -> None:
    shown = await answered(served, *PAGES[client])
    assert_added(served)
    async with served.http.get(f"/api/generations/{served.only.id}") as response:
        shown += await response.text()
    async with served.http.get("/api/models") as models, served.http.get("/api/generations") as running:
        shown += await models.text() + await running.text()
    assert SECRET not in shown
    assert "get_weather" not in shown


@pytest.mark.parametrize("client", SOCKETS)
async def test_they_are_added_to_starts_over_a_socket(served: Served, client: str) -> None:
    path, message = SOCKETS[client]
    async with served.http.ws_connect(path) as socket:
        await socket.send_json(message)
        await served.called()
        assert_added(served)


@pytest.mark.parametrize("client", MODEL_APIS)
async def test_clients_of_model_apis_send_all_themselves(served: Served, client: str) -> None:
    await answered(served, *MODEL_APIS[client])
    assert contents(served) == ["Hello"]
    options = served.upstream.last.request.options
    assert "temperature" not in options
    assert TOOL not in options.get("tools", [])  # type: ignore[operator]


async def test_a_socket_of_responses_sends_all_itself(served: Served) -> None:
    async with served.http.ws_connect("/v1/responses") as socket:
        await socket.send_json({"type": "response.create", "model": "m", "input": "Hello"})
        await served.called()
        assert contents(served) == ["Hello"]


async def test_a_joined_run_does_not_show_them(served: Served) -> None:
    await answered(served, *PAGES["AG-UI"])
    async with served.http.get("/api/ag-ui?threadId=t") as response:
        shown = await response.text()
    assert "MESSAGES_SNAPSHOT" in shown
    assert SECRET not in shown


async def test_the_choice_of_a_run_is_about_the_tools_of_the_model(served: Served) -> None:
    path, run = PAGES["AG-UI"]
    await answered(served, path, {**run, "forwardedProps": {"tool_choice": "required"}})
    assert served.upstream.last.request.options["tool_choice"] == "required"
