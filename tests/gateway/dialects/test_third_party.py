"""A dialect of another distribution is found by its entry point, and is served like ours."""

import asyncio

import pytest

from gateway.app.factory import load_dialects
from gateway.protocol.errors import Code, Failed
from gateway.protocol.events import Usage
from tests.gateway.dialects.api_clients import JsonObject, read_events
from tests.served.gateway import Served
from tests.served.viewers import SseViewer, until

PROMPT: JsonObject = {"prompt": "Hello", "stream": True}


def test_it_is_found_by_its_entry_point() -> None:
    assert "prompt" in {dialect.name for dialect in load_dialects()}


async def test_it_streams_and_is_watched(served: Served) -> None:
    task = asyncio.ensure_future(served.http.post("/prompt", json=PROMPT).__aenter__())
    await served.called()
    assert served.upstream.last.request.messages[0].content == "Hello"
    served.upstream.last.send("Xin ")
    async with await task as response:
        viewer = SseViewer(served.http)
        await viewer.attach(response.headers["X-Generation-ID"], 0)
        served.upstream.last.send("chào")
        served.upstream.last.finish(usage=Usage(5, 3, "exact"))
        events, is_cut = await read_events(response)
        assert events == [{"text": "Xin "}, {"text": "chào"}, {"end": "complete"}]
        assert not is_cut
        await viewer.to_end()
        assert viewer.text == "Xin chào"


async def test_a_response_in_one_piece(served: Served) -> None:
    task = asyncio.ensure_future(served.http.post("/prompt", json={"prompt": "Hello"}).__aenter__())
    await served.called()
    served.upstream.last.send("Xin ", "chào")
    served.upstream.last.finish()
    async with await task as response:
        assert await response.json() == {"text": "Xin chào", "end": "complete"}


async def test_a_cut_is_a_cut(served: Served) -> None:
    task = asyncio.ensure_future(served.http.post("/prompt", json=PROMPT).__aenter__())
    await served.called()
    served.upstream.last.send("Xin ")
    async with await task as response:
        served.upstream.last.fail(Failed(Code.TRUNCATED, "It ended early."))
        assert await read_events(response) == ([{"text": "Xin "}], True)
    await until(lambda: served.hub.viewers == 0)


@pytest.mark.parametrize("body", [{"prompt": "Hello", "voice": "a"}, {"prompt": 5}, []])
async def test_a_refusal_has_its_form(served: Served, body: object) -> None:
    async with served.http.post("/prompt", json=body) as response:
        assert response.status == 400
        assert response.headers["X-Should-Retry"] == "false"
        assert (await response.json())["code"] == "invalid_request"
