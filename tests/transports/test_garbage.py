"""A stream that is over leaves nothing behind that only the garbage collector would find."""

import gc
from collections.abc import Iterator

import pytest

from gateway.server.http_protocol import HttpProtocol
from gateway.server.websocket_protocol import WebSocketProtocol
from tests.served.gateway import Served
from tests.served.viewers import VIEWERS, JsonObject, ViewingClient, until
from transports.viewer import Viewer

BODY: JsonObject = {"messages": [{"role": "user", "content": "Hello"}]}


@pytest.fixture(params=["sse", "websocket"])
def viewer(request: pytest.FixtureRequest, served: Served) -> ViewingClient:
    return VIEWERS[request.param](served.http)


@pytest.fixture
def by_hand() -> Iterator[None]:
    """Collect garbage only when the test does."""
    gc.disable()
    # What other tests have left would be searched through each time.
    gc.freeze()
    yield
    gc.set_debug(0)
    gc.unfreeze()
    gc.enable()


def find(served: Served) -> list[str]:
    """Collect, and name what of this gateway was found: other tests leave theirs when they like."""
    gc.set_debug(gc.DEBUG_SAVEALL)
    gc.collect()
    gc.set_debug(0)
    port = int(served.url.rpartition(":")[2])
    found = [
        type(one).__qualname__
        for one in gc.garbage
        if (isinstance(one, Viewer) and one._hub is served.hub)
        or (isinstance(one, HttpProtocol | WebSocketProtocol) and (one.server or ("", 0))[1] == port)
    ]
    gc.garbage.clear()
    return found


@pytest.mark.usefixtures("by_hand")
@pytest.mark.parametrize("how", ["whole", "interrupted", "left"])
async def test_a_stream_leaves_no_circles(served: Served, viewer: ViewingClient, how: str) -> None:
    await viewer.start(BODY)
    await served.called()
    served.upstream.last.send("Xin ", "chào")
    await viewer.until("chunk")
    if how == "whole":
        served.upstream.last.finish()
        await viewer.to_end()
    elif how == "interrupted":
        await viewer.interrupt(viewer.generation_id)
        await viewer.to_end()
    await viewer.leave()
    await until(lambda: served.hub.viewers == 0)
    if how == "left":
        served.clock.advance(10)
        await until(lambda: served.only.state.is_terminal)
    await served.http.close()
    await until(lambda: served.hub.running == 0)
    assert find(served) == []
