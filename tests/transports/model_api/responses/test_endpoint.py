"""Stored responses over HTTP: background, retrieve, and the stream again."""

import asyncio

import pytest

from gateway.protocol.errors import Code, Failed
from gateway.protocol.events import Interrupted
from tests.served.clients import protocols
from tests.served.gateway import Served
from tests.served.responses import (
    PATH,
    answer,
    created,
    events_of,
    got,
    numbers_of,
    posted,
    replayed,
    request,
    text_of,
)
from tests.served.viewers import until
from tests.shared_store import not_with_redis

__all__ = ["protocols"]


async def test_a_response_is_retrieved_as_it_was(served: Served) -> None:
    document = await created(served, request(instructions="Be brief.", metadata={"a": "b"}))
    assert await got(served, document["id"]) == (200, document)
    assert document["id"] == "resp" + served.only.id[1:]
    assert (document["status"], document["store"], document["metadata"]) == ("completed", True, {"a": "b"})


async def test_it_is_streamed_again_as_it_was_from_each_of_its_events(served: Served) -> None:
    async with posted(served, request(stream=True)) as task:
        served.upstream.last.send("a", "b")
        served.upstream.last.send("c")
        answer(served, "d")
        events = events_of(await (await task).read())
    response_id = events[0]["response"]["id"]
    assert numbers_of(events) == list(range(len(events)))
    assert await replayed(served, f"{response_id}?stream=true") == events
    for at in range(len(events)):
        after = events[at + 1 :]
        assert await replayed(served, f"{response_id}?stream=true&starting_after={at}") == after
        assert await replayed(served, f"{response_id}?starting_after={at}&stream=true") == after
    assert await replayed(served, f"{response_id}?stream=true&starting_after=900000") == []


async def test_a_stream_that_broke_off_is_resumed_while_the_response_runs(served: Served) -> None:
    async with posted(served, request(stream=True, background=True)) as task:
        served.upstream.last.send("Xin ")
        response = await task
        head = b""
        while b"delta" not in head:
            head += await response.content.readany()
    events = events_of(head)
    await until(lambda: served.hub.viewers == 0)
    served.upstream.last.send("chào ")
    async with served.http.get(
        f"{PATH}/{events[0]['response']['id']}?stream=true&starting_after={events[-1]['sequence_number']}"
    ) as resumed:
        answer(served, "bạn")
        events += events_of(await resumed.read())
    assert numbers_of(events) == list(range(len(events)))
    assert text_of(events) == "Xin chào bạn"
    assert events[-1]["type"] == "response.completed"


@not_with_redis("The generation may have left the queue before its start is answered.")
async def test_a_response_in_the_background_is_polled(served: Served) -> None:
    async with served.http.post(PATH, json=request(background=True)) as response:
        document = await response.json()
        assert response.headers["X-Generation-ID"] == served.only.id
    assert (document["status"], document["background"], document["output"]) == ("queued", True, [])
    await served.called()
    served.upstream.last.send("Xin ")
    await until(lambda: served.only.has_content)
    status, document = await got(served, document["id"])
    assert (status, document["status"], document["usage"]) == (200, "in_progress", None)
    answer(served, "chào")
    await until(lambda: served.only.end is not None)
    _, document = await got(served, document["id"])
    assert document["status"] == "completed"
    assert document["output"][0]["content"][0]["text"] == "Xin chào"
    assert document["usage"]["total_tokens"] == 8


async def test_reading_a_response_again_counts_nothing(served: Served) -> None:
    document = await created(served, request())
    stats = served.hub.stats()
    await got(served, document["id"])
    await replayed(served, f"{document['id']}?stream=true")
    assert served.hub.stats() == stats
    assert len(served.upstream.calls) == 1


async def test_a_response_in_the_background_that_fails_is_failed(served: Served) -> None:
    async with served.http.post(PATH, json=request(background=True)) as response:
        response_id = (await response.json())["id"]
    await served.called()
    served.upstream.last.fail(Failed(Code.INVALID_REQUEST, "The provider refused it."))
    await until(lambda: served.only.end is not None)
    _, document = await got(served, response_id)
    assert (document["status"], document["error"]["message"]) == ("failed", "The provider refused it.")
    events = await replayed(served, f"{response_id}?stream=true")
    assert events[-1]["type"] == "response.failed"
    assert numbers_of(events) == list(range(len(events)))


async def test_a_response_that_was_cut_off_is_failed_when_it_is_read_again(served: Served) -> None:
    async with served.http.post(PATH, json=request(background=True)) as response:
        response_id = (await response.json())["id"]
    await served.called()
    served.upstream.last.send("Xin ")
    served.upstream.last.fail(Failed(Code.TRUNCATED, "The provider broke off."))
    await until(lambda: served.only.end is not None)
    _, document = await got(served, response_id)
    assert (document["status"], document["error"]["code"]) == ("failed", "server_error")
    events = await replayed(served, f"{response_id}?stream=true")
    assert events[-1]["type"] == "response.failed"


async def test_a_client_that_leaves_stops_its_response_and_not_one_in_the_background(served: Served) -> None:
    async with posted(served, request(stream=True)):
        pass
    await until(lambda: isinstance(served.only.end, Interrupted))
    async with posted(served, request(stream=True, background=True)):
        pass
    await until(lambda: served.hub.viewers == 0)
    assert served.hub.running == 1


async def test_a_request_that_fails_is_not_stored(served: Served) -> None:
    for stream in (False, True):
        async with posted(served, request(stream=stream)) as task:
            served.upstream.last.fail(Failed(Code.INVALID_REQUEST, "The provider refused it."))
            assert (await task).status == 400
            async with served.http.get("/api/stats") as response:
                assert (await response.json())["stored_responses"] == 0


async def test_a_background_response_must_be_stored(served: Served) -> None:
    async with served.http.post(PATH, json=request(background=True, store=False)) as response:
        error = (await response.json())["error"]
    assert (response.status, error["param"]) == (400, "background")
    assert not served.upstream.calls


@pytest.mark.parametrize("path", ["resp_unknown", "resp_unknown?stream=true", "g_x", "x"])
async def test_an_unknown_response_is_not_found(served: Served, path: str) -> None:
    status, body = await got(served, path)
    assert status == 404
    assert (body["error"]["code"], body["error"]["type"]) == ("response_not_found", "invalid_request_error")


async def test_a_response_that_was_not_stored_is_not_found(served: Served) -> None:
    document = await created(served, request(store=False))
    assert document["store"] is False
    assert (await got(served, document["id"]))[0] == 404
    assert len(served.hub._records) == 1


async def test_a_position_that_is_no_number_is_refused(served: Served) -> None:
    document = await created(served, request())
    status, body = await got(served, f"{document['id']}?stream=true&starting_after=x")
    assert (status, body["error"]["param"]) == (400, "starting_after")


@not_with_redis("It drops what it keeps by its own clock.")
async def test_a_stored_response_is_kept_as_long_as_the_setting_says(served: Served) -> None:
    document, short = await created(served, request()), await created(served, request(store=False))
    served.clock.advance(3599)
    assert (await got(served, document["id"]))[0] == 200
    assert short["id"] not in {f"resp{record.generation.id[1:]}" for record in served.hub._records}
    served.clock.advance(1)
    await asyncio.sleep(0)
    assert (await got(served, document["id"]))[0] == 404


async def test_a_plain_get_is_told_to_upgrade(served: Served) -> None:
    async with served.http.get(PATH) as response:
        assert (response.status, response.headers["Upgrade"]) == (426, "websocket")
        assert (await response.json())["error"]["param"] == "Upgrade"


async def test_only_a_socket_is_prepared(served: Served) -> None:
    async with served.http.post(PATH, json=request(generate=False)) as response:
        assert (response.status, (await response.json())["error"]["param"]) == (400, "generate")
    assert not served.upstream.calls
