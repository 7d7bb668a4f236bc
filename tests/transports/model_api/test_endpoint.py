"""The APIs of providers over HTTP: when a response begins, how it ends, and what a client's leaving does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import aiohttp
import pytest

from gateway.protocol.errors import Code, Failed, UnsupportedOption
from gateway.protocol.events import Interrupted, Usage
from tests.served.clients import protocols
from tests.served.gateway import Served
from tests.served.viewers import JsonObject, until

__all__ = ["protocols"]

PATH = "/v1/chat/completions"
STREAMED: JsonObject = {"model": "m", "messages": [{"role": "user", "content": "Hello"}], "stream": True}
WHOLE: JsonObject = {**STREAMED, "stream": False}


@asynccontextmanager
async def posted(served: Served, body: JsonObject) -> AsyncIterator["asyncio.Task[aiohttp.ClientResponse]"]:
    """Post a body, and wait until the provider is called."""
    task = asyncio.ensure_future(served.http.post(PATH, json=body).__aenter__())
    try:
        await served.called()
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            (await task).close()


async def test_a_streamed_response_begins_with_the_first_content(served: Served) -> None:
    async with posted(served, STREAMED) as task:
        await until(lambda: served.only.provider is not None)
        assert not task.done()
        served.upstream.last.send("Xin ")
        response = await task
        assert response.status == 200
        assert response.headers["Content-Type"] == "text/event-stream"
        assert response.headers["X-Generation-ID"] == served.only.id
        served.upstream.last.send("chào")
        served.upstream.last.finish(usage=Usage(5, 3, "exact"))
        body = await response.text()
        assert body.count("chào") == 1
        assert body.endswith("data: [DONE]\n\n")


async def test_a_response_that_is_not_streamed(served: Served) -> None:
    async with posted(served, WHOLE) as task:
        served.upstream.last.send("Xin ", "chào")
        served.upstream.last.finish(usage=Usage(5, 3, "exact"))
        response = await task
        assert response.headers["X-Generation-ID"] == served.only.id
        document = await response.json()
        assert document["object"] == "chat.completion"
        assert document["choices"][0]["message"]["content"] == "Xin chào"


@pytest.mark.parametrize("body", [STREAMED, WHOLE], ids=["streamed", "whole"])
async def test_a_failure_before_the_first_content_is_a_status(served: Served, body: JsonObject) -> None:
    async with posted(served, body) as task:
        served.upstream.last.fail(Failed(Code.RATE_LIMIT, "Too many.", retryable=False, retry_after_ms=1500))
        response = await task
        assert response.status == 424
        assert response.headers["Retry-After"] == "2"
        assert response.headers["X-Generation-ID"] == served.only.id
        assert (await response.json())["error"]["message"] == "Too many."


async def test_what_no_provider_can_express_is_refused_by_name(served: Served) -> None:
    async with posted(served, STREAMED) as task:
        served.upstream.last.fail(UnsupportedOption("seed: leave it out.", "seed"))
        response = await task
        error = (await response.json())["error"]
        assert (response.status, error["param"], error["message"]) == (400, "seed", "seed: leave it out.")


async def test_the_name_of_what_is_wrong_with_the_request_is_passed_on(served: Served) -> None:
    async with posted(served, WHOLE) as task:
        failed = Failed(Code.INVALID_REQUEST, "Too long.")
        failed.api_code = "context_length_exceeded"
        served.upstream.last.fail(failed)
        response = await task
        assert (await response.json())["error"]["code"] == "context_length_exceeded"


async def test_a_silent_start_is_answered_after_a_heartbeat(served: Served) -> None:
    async with posted(served, STREAMED) as task:
        await until(lambda: served.only.log.readers > 0)
        served.clock.advance(15)
        response = await task
        assert response.status == 200
        await until(lambda: served.only.log.readers > 0)
        served.clock.advance(15)
        assert await response.content.readline() == b": hb\n"


@pytest.mark.parametrize("body", [STREAMED, WHOLE], ids=["streamed", "whole"])
@pytest.mark.parametrize("content", [True, False], ids=["in mid-answer", "before the first content"])
async def test_a_client_that_leaves_cancels_the_provider_at_once(
    served: Served, body: JsonObject, content: bool
) -> None:
    async with posted(served, body) as task:
        generation = served.only
        if content:
            served.upstream.last.send("Xin ")
            await until(lambda: generation.has_content)
            if body is STREAMED:
                (await task).close()
    await until(lambda: generation.log.ended)
    assert isinstance(generation.end, Interrupted)
    assert generation.end.by == "disconnect"
    assert served.upstream.open_calls == 0
    assert served.hub.viewers == 0


async def test_a_response_that_the_provider_cut_is_left_without_its_end(served: Served) -> None:
    async with posted(served, STREAMED) as task:
        served.upstream.last.send("Xin ")
        response = await task
        served.upstream.last.fail(Failed(Code.TRUNCATED, "It ended early."))
        body = b""
        with pytest.raises(aiohttp.ClientPayloadError):
            async for data in response.content.iter_any():
                body += data
        # All that was written has arrived.
        assert b"Xin " in body
        assert b"[DONE]" not in body


@pytest.mark.parametrize("body", [[], "x", 5, False])
async def test_a_body_that_is_no_object_is_refused_in_the_form_of_the_api(served: Served, body: object) -> None:
    async with served.http.post(PATH, json=body) as response:
        assert response.status == 400
        assert (await response.json())["error"]["type"] == "invalid_request_error"


async def test_nothing_is_left_of_a_refused_start(served: Served) -> None:
    async with served.http.post(PATH, json={**STREAMED, "model": "unknown"}) as response:
        assert response.status == 404
        assert "X-Generation-ID" not in response.headers
    assert served.hub.viewers == served.hub.statistics.started == 0


@pytest.mark.parametrize("method", ["generateContent", "streamGenerateContent?alt=sse"])
async def test_an_api_may_have_a_response_of_its_own_for_a_failure(served: Served, method: str) -> None:
    body = {"contents": [{"parts": [{"text": "Hello"}]}]}
    task = asyncio.ensure_future(served.http.post(f"/v1beta/models/m:{method}", json=body).__aenter__())
    await served.called()
    served.upstream.last.fail(Failed(Code.CONTENT_FILTER, "Blocked."))
    async with await task as response:
        assert response.status == 200
        text = await response.text()
    assert '"blockReason":"OTHER"' in text
    assert text.startswith("data: {" if "alt" in method else "{")
