"""The same request twice over a model API: idempotency keys, re-sends, and the policy a client asks for."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress

import aiohttp
import pytest

from gateway.config import Settings
from gateway.generation.state import State
from gateway.protocol.events import Interrupted, Usage
from tests.gateway.dialects.api_clients import CLIENTS, ApiClient, read_events
from tests.served.gateway import Served
from tests.served.viewers import JsonObject, until

PATH = "/v1/chat/completions"
STREAMED: JsonObject = {"model": "m", "messages": [{"role": "user", "content": "Hello"}], "stream": True}
WHOLE: JsonObject = {**STREAMED, "stream": False}
KEY = {"Idempotency-Key": "k"}
RETRY = {"x-stainless-retry-count": "1"}


@asynccontextmanager
async def posted(
    served: Served, body: JsonObject, headers: Mapping[str, str] | None = None
) -> AsyncIterator["asyncio.Task[aiohttp.ClientResponse]"]:
    """Post a body; the response, if it comes, is closed in the end."""
    task = asyncio.ensure_future(served.http.post(PATH, json=body, headers=headers).__aenter__())
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            (await task).close()


def end(served: Served) -> None:
    served.upstream.last.send("chào")
    served.upstream.last.finish(usage=Usage(5, 3, "exact"))


def text_of(document: JsonObject) -> object:
    choices = document["choices"]
    assert isinstance(choices, list)
    return choices[0]["message"]["content"]


@pytest.mark.parametrize("headers", [KEY, RETRY], ids=["idempotency key", "retry"])
async def test_a_running_answer_is_read_in_the_form_that_each_asks_for(
    served: Served, headers: Mapping[str, str]
) -> None:
    first_headers = KEY if headers is KEY else {}
    async with posted(served, STREAMED, first_headers) as first:
        await served.called()
        served.upstream.last.send("Xin ")
        streamed = await first
        async with posted(served, WHOLE, headers) as second, posted(served, STREAMED, headers) as third:
            replayed = await third
            await until(lambda: served.hub.viewers == 3)
            end(served)
            whole = await second
            assert text_of(await whole.json()) == "Xin chào"
            for response in (streamed, replayed):
                assert (await response.read()).endswith(b"data: [DONE]\n\n")
            ids = {response.headers["X-Generation-ID"] for response in (streamed, whole, replayed)}
            assert ids == {served.only.id}
    assert len(served.upstream.calls) == 1


@pytest.mark.parametrize("body", [STREAMED, WHOLE], ids=["streamed", "whole"])
async def test_a_finished_answer_is_replayed_and_counted_once(served: Served, body: JsonObject) -> None:
    async with posted(served, body, KEY) as first:
        await served.called()
        served.upstream.last.send("Xin ")
        end(served)
        await (await first).read()
    before = served.hub.stats()
    async with posted(served, WHOLE, KEY) as second:
        assert text_of(await (await second).json()) == "Xin chào"
    async with posted(served, STREAMED, KEY) as third:
        assert b"ch\xc3\xa0o" in await (await third).read()
    await until(lambda: served.hub.viewers == 0)
    after = served.hub.stats()
    assert (after["started"], after["complete"], after["cost_usd"]) == (1, 1, before["cost_usd"])
    assert served.only.usage() == Usage(5, 3, "exact")
    assert len(served.upstream.calls) == 1


async def test_a_key_that_was_used_for_another_request_is_refused(served: Served) -> None:
    async with posted(served, STREAMED, KEY), posted(served, {**STREAMED, "seed": 1}, KEY) as second:
        response = await second
        assert response.status == 422
        assert (await response.json())["error"]["param"] == "Idempotency-Key"


async def test_two_equal_requests_are_two_generations(served: Served) -> None:
    async with posted(served, STREAMED), posted(served, STREAMED):
        await served.called(2)


async def test_claude_codes_fallback_attaches_to_the_stream_it_gave_up(served: Served) -> None:
    session = {"x-claude-code-session-id": "s"}
    async with posted(served, STREAMED, session) as first:
        await served.called()
        served.upstream.last.send("Xin ")
        response = await first
        async with posted(served, WHOLE, session) as second:
            await until(lambda: served.hub.viewers == 2)
            # Its first connection is closed after the second request has come.
            response.close()
            await until(lambda: served.hub.viewers == 1)
            end(served)
            assert text_of(await (await second).json()) == "Xin chào"
    assert len(served.upstream.calls) == 1


async def test_a_client_may_ask_for_another_disconnect_policy(served: Served) -> None:
    async with posted(served, STREAMED, {"X-On-Disconnect": "continue"}) as first:
        await served.called()
        served.upstream.last.send("Xin ")
        await first
    await until(lambda: served.hub.viewers == 0)
    served.clock.advance(1000)
    assert served.only.state is State.STREAMING
    # Nobody reads it any more: the same request reads on.
    async with posted(served, WHOLE) as second:
        await until(lambda: served.hub.viewers == 1)
        end(served)
        assert text_of(await (await second).json()) == "Xin chào"


async def test_an_unknown_disconnect_policy_is_refused(served: Served) -> None:
    async with posted(served, STREAMED, {"X-On-Disconnect": "later"}) as task:
        response = await task
        assert response.status == 400
        error = (await response.json())["error"]
        assert error["param"] == "x-on-disconnect"
        assert "grace, cancel, continue" in error["message"]


class TestCancel:
    """`model_api_on_resend = "cancel"`."""

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"model_api_on_resend": "cancel"})

    async def test_the_first_is_stopped_and_ends_normally(self, served: Served) -> None:
        async with posted(served, STREAMED) as first:
            await served.called()
            served.upstream.last.send("Xin ")
            response = await first
            async with posted(served, WHOLE, RETRY) as second:
                await served.called(2)
                assert (await response.read()).endswith(b"data: [DONE]\n\n")
                end(served)
                assert text_of(await (await second).json()) == "chào"
        assert served.upstream.calls[0].closed
        ends = [record.generation.end for record in served.hub._records]
        assert sum(isinstance(end, Interrupted) and end.by == "client" for end in ends) == 1


@pytest.fixture(params=list(CLIENTS))
def client(request: pytest.FixtureRequest) -> ApiClient:
    return CLIENTS[request.param]


@pytest.mark.parametrize("streamed_first", [True, False], ids=["streamed first", "whole first"])
@pytest.mark.parametrize("is_finished", [True, False], ids=["finished", "running"])
async def test_every_api_replays_an_answer_in_either_form(
    served: Served, client: ApiClient, streamed_first: bool, is_finished: bool
) -> None:
    first = asyncio.ensure_future(client.post(served.http, stream=streamed_first, headers=KEY).__aenter__())
    await served.called()
    served.upstream.last.send("Xin ")
    if is_finished:
        end(served)
        await (await first).read()
    streamed = asyncio.ensure_future(client.post(served.http, stream=True, headers=KEY).__aenter__())
    whole = asyncio.ensure_future(client.post(served.http, stream=False, headers=KEY).__aenter__())
    if not is_finished:
        await until(lambda: served.hub.viewers == 3)
        end(served)
    async with await streamed as response:
        events, is_cut = await read_events(response)
        assert (client.text(events), is_cut) == ("Xin chào", False)
    async with await whole as response:
        assert client.text_of_document(await response.json()) == "Xin chào"
        assert response.headers["X-Generation-ID"] == served.only.id
    async with await first as response:
        await response.read()
    assert len(served.upstream.calls) == 1


async def test_every_api_attaches_a_retry_to_the_running_answer(served: Served, client: ApiClient) -> None:
    first = asyncio.ensure_future(client.post(served.http, stream=True).__aenter__())
    await served.called()
    served.upstream.last.send("Xin ")
    async with await first as streamed:
        second = asyncio.ensure_future(client.post(served.http, stream=False, headers=RETRY).__aenter__())
        await until(lambda: served.hub.viewers == 2)
        end(served)
        async with await second as response:
            assert client.text_of_document(await response.json()) == "Xin chào"
        await streamed.read()
    assert len(served.upstream.calls) == 1
