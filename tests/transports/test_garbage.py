"""A stream that has ended leaves no reference cycles."""

import gc
from collections.abc import Iterator

import pytest

from gateway.protocol.errors import Refused
from gateway.server.http_protocol import HttpProtocol
from gateway.server.websocket_protocol import WebSocketProtocol
from tests.served.gateway import Served
from tests.served.responses import PATH, answer, request
from tests.served.viewers import VIEWERS, JsonObject, ViewingClient, until
from transports.viewer import Viewer

BODY: JsonObject = {"messages": [{"role": "user", "content": "Hello"}]}


@pytest.fixture(params=["sse", "websocket", "poll"])
def viewer(request: pytest.FixtureRequest, served: Served) -> ViewingClient:
    return VIEWERS[request.param](served.http)


@pytest.fixture
def by_hand() -> Iterator[None]:
    """Disable automatic garbage collection."""
    gc.disable()
    # Otherwise each collection would traverse the objects of all other tests too.
    gc.freeze()
    yield
    gc.set_debug(0)
    gc.unfreeze()
    gc.enable()


def find(served: Served) -> list[str]:
    """Collect garbage; return the types of what belonged to this gateway, and not to those of other tests."""
    gc.set_debug(gc.DEBUG_SAVEALL)
    gc.collect()
    gc.set_debug(0)
    found = [
        type(one).__qualname__
        for one in gc.garbage
        if (isinstance(one, Viewer) and one._hub is served.hub)
        or (isinstance(one, HttpProtocol | WebSocketProtocol) and one.connections is served.protocols)
        or isinstance(one, Refused)
    ]
    gc.garbage.clear()
    return found


@pytest.mark.usefixtures("by_hand")
@pytest.mark.parametrize("how", ["complete", "interrupted", "disconnected"])
async def test_a_stream_leaves_no_reference_cycles(served: Served, viewer: ViewingClient, how: str) -> None:
    await viewer.start(BODY)
    await served.called()
    served.upstream.last.send("Xin ", "chào")
    await viewer.until("chunk")
    if how == "complete":
        served.upstream.last.finish()
        await viewer.to_end()
    elif how == "interrupted":
        await viewer.interrupt(viewer.generation_id)
        await viewer.to_end()
    await viewer.leave()
    await until(lambda: served.hub.viewers == 0)
    if how == "disconnected":
        served.clock.advance(60)
        await until(lambda: served.only.state.is_terminal)
    await served.http.close()
    await until(lambda: served.hub.running == 0)
    assert find(served) == []


@pytest.mark.usefixtures("by_hand")
@pytest.mark.parametrize("path", ["/nowhere", "/v1/responses/resp_unknown", "/api/generations/g_unknown"])
async def test_a_refused_request_leaves_no_reference_cycles(served: Served, path: str) -> None:
    async with served.http.get(path) as response:
        assert response.status == 404
    await served.http.close()
    await until(lambda: not served.protocols)
    assert find(served) == []


@pytest.mark.usefixtures("by_hand")
@pytest.mark.parametrize("how", ["complete", "steered", "disconnected"])
async def test_a_socket_of_the_responses_api_leaves_no_reference_cycles(served: Served, how: str) -> None:
    async with served.http.ws_connect(PATH) as socket:
        await socket.send_json({"type": "response.create", "store": False, **request()})
        await served.called()
        served.upstream.last.send("Xin ", "chào")
        current = ""
        while (message := await socket.receive_json())["type"] != "response.output_text.delta":
            current = message["response"]["id"] if "response" in message else current
        if how == "steered":
            await socket.send_json({"type": "response.steer", "previous_response_id": current, "input": "Shorter."})
            await served.called(2)
        if how != "disconnected":
            answer(served)
            while (await socket.receive_json())["type"] != "response.completed":
                pass
    await served.http.close()
    await until(lambda: served.hub.running == 0 and not served.protocols)
    assert find(served) == []
