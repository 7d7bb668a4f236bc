"""Cancel, delete and list stored responses; count tokens."""

import pytest

from gateway.config import Settings
from gateway.protocol.events import Interrupted
from tests.served.gateway import Served
from tests.served.responses import PATH, created, events_of, got, posted, request, text_of
from tests.served.viewers import until


async def test_a_cancel_stops_a_response_and_says_so_each_time(served: Served) -> None:
    async with served.http.post(PATH, json=request(background=True)) as response:
        response_id = (await response.json())["id"]
    await served.called()
    served.upstream.last.send("Xin ")
    await until(lambda: served.only.has_content)
    for _ in range(2):
        status, document = await got(served, f"{response_id}/cancel", "POST")
        assert (status, document["status"]) == (200, "cancelled")
    assert served.upstream.last.closed
    assert isinstance(served.only.end, Interrupted)
    assert document["output"][0]["content"][0]["text"] == "Xin "
    assert (await got(served, response_id))[1] == document


async def test_a_cancel_while_the_provider_is_being_called(served: Served) -> None:
    served.upstream._auto_accept = False
    async with served.http.post(PATH, json=request(background=True)) as response:
        response_id = (await response.json())["id"]
    await served.called()
    _, document = await got(served, f"{response_id}/cancel", "POST")
    assert document["status"] == "cancelled"
    assert served.upstream.last.closed


async def test_a_cancel_ends_the_stream_of_whoever_reads(served: Served) -> None:
    async with posted(served, request(stream=True)) as task:
        served.upstream.last.send("Xin ")
        response = await task
        _, document = await got(served, "resp" + served.only.id[1:] + "/cancel", "POST")
        events = events_of(await response.read())
    assert document["status"] == "cancelled"
    assert text_of(events) == "Xin "
    assert events[-1]["type"] == "response.completed"


async def test_a_cancel_of_a_response_that_has_ended_returns_it(served: Served) -> None:
    document = await created(served, request())
    assert await got(served, f"{document['id']}/cancel", "POST") == (200, document)
    async with served.http.post(f"{PATH}/{document['id']}/cancel", json={}) as response:
        assert await response.json() == document


async def test_a_deleted_response_is_gone(served: Served) -> None:
    document = await created(served, request())
    response_id = document["id"]
    assert await got(served, response_id, "DELETE") == (200, {"id": response_id, "object": "response", "deleted": True})
    assert (await got(served, response_id))[0] == 404
    assert (await got(served, response_id, "DELETE"))[0] == 404
    assert len(served.hub._records) == 0
    async with served.http.post(PATH, json=request(previous_response_id=response_id)) as response:
        assert response.status == 400


async def test_a_response_that_runs_is_stopped_when_it_is_deleted(served: Served) -> None:
    async with served.http.post(PATH, json=request(background=True)) as response:
        response_id = (await response.json())["id"]
    await served.called()
    assert (await got(served, response_id, "DELETE"))[0] == 200
    assert (await got(served, response_id))[0] == 404
    await until(lambda: served.hub.running == 0)
    assert served.upstream.last.closed


async def test_what_follows_a_deleted_response_goes_on(served: Served) -> None:
    first = await created(served, request("One"), "a")
    second = await created(served, request("Two", previous_response_id=first["id"]), "b")
    await got(served, first["id"], "DELETE")
    await created(served, request("Three", previous_response_id=second["id"]), "c")
    assert [message.content for message in served.upstream.last.request.messages] == ["One", "a", "Two", "b", "Three"]


async def test_the_items_of_an_input_come_in_pages(served: Served) -> None:
    first = await created(served, request("One"), "a")
    second = await created(served, request("Two", previous_response_id=first["id"]), "b")
    path = f"{second['id']}/input_items"
    status, everything = await got(served, f"{path}?order=asc")
    assert (status, everything["object"], everything["has_more"]) == (200, "list", False)
    texts = [item["content"] if isinstance(item["content"], str) else "a" for item in everything["data"]]
    assert texts == ["One", "a", "Two"]
    ids = [item["id"] for item in everything["data"]]
    assert len(set(ids)) == 3
    assert (everything["first_id"], everything["last_id"]) == (ids[0], ids[-1])
    _, newest = await got(served, f"{path}?limit=2")
    assert ([item["id"] for item in newest["data"]], newest["has_more"]) == ([ids[2], ids[1]], True)
    _, rest = await got(served, f"{path}?limit=2&after={newest['last_id']}")
    assert ([item["id"] for item in rest["data"]], rest["has_more"]) == ([ids[0]], False)
    _, none = await got(served, f"{path}?after={ids[0]}")
    assert (none["data"], none["first_id"], none["last_id"]) == ([], None, None)


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=x", "limit"),
        ("limit=0001" + "0" * 4300, "limit"),
        ("order=up", "order"),
        ("after=x", "after"),
    ],
)
async def test_a_page_that_does_not_exist_is_refused(served: Served, query: str, param: str) -> None:
    document = await created(served, request())
    status, body = await got(served, f"{document['id']}/input_items?{query}")
    assert (status, body["error"]["param"]) == (400, param)


class TestRate:
    """A rate of commands."""

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"max_commands_per_second": 1})

    async def test_a_cancel_that_stops_something_passes_the_rate(self, served: Served) -> None:
        async with served.http.post(PATH, json=request(background=True)) as response:
            response_id = (await response.json())["id"]
        await served.called()
        assert (await got(served, response_id))[0] == 200
        assert (await got(served, response_id))[0] == 429
        assert (await got(served, f"{response_id}/cancel", "POST"))[0] == 200
        assert (await got(served, f"{response_id}/cancel", "POST"))[0] == 429
