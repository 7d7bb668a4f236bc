"""Stored responses are the same on every gateway of a deployment."""

import asyncio

import pytest

from gateway.api.model_api.responses.lookup import Asker, Lookup
from gateway.api.model_api.responses.shared import END_SECONDS
from gateway.api.model_api.responses.store import Items, ResponseStore, StoredResponse
from gateway.app.services import share_responses
from gateway.dialects.openai_responses.ids import response_id
from gateway.generation.generation import Generation
from gateway.protocol.errors import Code, Failed, Refused
from gateway.protocol.events import Interrupted
from gateway.replicas.replica import Replica
from gateway.security.principals import Principal
from gateway.store.memory import MemoryStore
from tests.gateway.replicas.deployment import Deployment, deployment
from tests.served.gateway import Served
from tests.served.pair import Pair, pair
from tests.served.responses import (
    PATH,
    Json,
    answer,
    created,
    events_of,
    got,
    posted,
    replayed,
    request,
)
from tests.served.viewers import until
from tests.shared_store import not_with_redis
from tests.start_requests import ANONYMOUS

__all__ = ["pair"]


def sent_to(served: Served) -> list[tuple[str, object]]:
    """Return the messages of the newest call of the provider."""
    return [(message.role, message.content) for message in served.upstream.last.request.messages]


async def test_a_response_is_retrieved_and_streamed_again_elsewhere(pair: Pair) -> None:
    async with posted(pair.first, request(stream=True)) as task:
        answer(pair.first, "a", "b", "c")
        events = events_of(await (await task).read())
    name = events[0]["response"]["id"]
    document = (await got(pair.first, name))[1]
    assert await got(pair.second, name) == (200, document)
    assert await replayed(pair.second, f"{name}?stream=true") == events
    assert await replayed(pair.second, f"{name}?stream=true&starting_after=3") == events[4:]
    assert await got(pair.second, f"{name}/input_items") == await got(pair.first, f"{name}/input_items")


async def test_a_conversation_goes_on_from_one_gateway_to_the_other(pair: Pair) -> None:
    turn = await created(pair.first, request("One"), "1")
    gateways = [pair.second, pair.first, pair.second]
    for number, gateway in enumerate(gateways, start=2):
        turn = await created(gateway, request(f"Turn {number}", previous_response_id=turn["id"]), str(number))
    roles = [role for role, _ in sent_to(pair.second)]
    assert roles == ["user", "assistant", "user", "assistant", "user", "assistant", "user"]
    assert [text for _, text in sent_to(pair.second)][-2:] == ["3", "Turn 4"]
    _, page = await got(pair.first, f"{turn['id']}/input_items?order=asc")
    assert len(page["data"]) == 7


async def test_a_conversation_goes_on_elsewhere_although_the_end_is_not_stored_yet(pair: Pair) -> None:
    async with pair.first.http.post(PATH, json=request(background=True)) as response:
        name = (await response.json())["id"]
    await pair.first.called()
    pair.first.upstream.last.send("One")
    going_on = asyncio.create_task(created(pair.second, request("Two", previous_response_id=name), "2"))
    await until(lambda: pair.second.hub.viewers == 1)
    pair.first.upstream.last.finish()
    assert (await going_on)["status"] == "completed"
    assert sent_to(pair.second) == [("user", "Hello"), ("assistant", "One"), ("user", "Two")]


async def test_each_piece_of_a_conversation_is_stored_once(pair: Pair) -> None:
    turn = await created(pair.first, request("x" * 5000))
    for gateway in [pair.second, pair.first] * 5:
        turn = await created(gateway, request("y", previous_response_id=turn["id"]))
    replica = pair.first.replica
    assert isinstance(replica, Replica)
    assert isinstance(replica.store, MemoryStore)
    stored = replica.store.values._stored
    assert sum(value.count(b"x" * 5000) for value, _ in stored.values()) == 1
    assert sum(len(value) for value, _ in stored.values()) < 30_000


async def test_a_request_that_is_sent_again_elsewhere_is_stored_where_it_runs(pair: Pair) -> None:
    headers = {"Idempotency-Key": "k"}
    starting = pair.first.http.post(PATH, json=request(background=True), headers=headers)
    async with starting as first, pair.second.http.post(PATH, json=request(background=True), headers=headers) as second:
        name = (await first.json())["id"]
        assert (await second.json())["id"] == name
    answer(pair.first, "a")
    await until(lambda: not pair.first.hub.running)
    async with pair.second.http.get("/api/stats") as response:
        assert (await response.json())["stored_responses"] == 0
    assert (await got(pair.second, name))[1]["status"] == "completed"


async def test_an_item_of_an_earlier_response_is_found_elsewhere(pair: Pair) -> None:
    first = await created(pair.first, request("One"))
    await created(pair.second, request("Other"))
    item = first["output"][0]["id"]
    body = request("Two", input=[{"type": "item_reference", "id": item}, {"role": "user", "content": "Two"}])
    await created(pair.second, body)
    assert [role for role, _ in sent_to(pair.second)] == ["assistant", "user"]
    async with pair.second.http.post(
        PATH, json=request("", input=[{"type": "item_reference", "id": "msg_unknown"}])
    ) as response:
        assert response.status == 404


async def test_a_response_that_runs_is_seen_and_cancelled_elsewhere(pair: Pair) -> None:
    async with pair.first.http.post(PATH, json=request(background=True)) as response:
        name = (await response.json())["id"]
    # At once: it is stored before its client has the id.
    assert (await got(pair.second, name))[1]["status"] in {"queued", "in_progress"}
    await pair.first.called()
    pair.first.upstream.last.send("Xin ")
    await until(lambda: pair.first.only.has_content)
    going_on = asyncio.create_task(pair.second.http.post(PATH, json=request("Two", previous_response_id=name)))
    await until(lambda: pair.second.hub.viewers == 1)
    pair.second.clock.advance(END_SECONDS)
    async with await going_on as refused:
        assert refused.status == 400
        assert "still in progress" in (await refused.json())["error"]["message"]
    assert pair.second.hub.viewers == 0
    status, document = await got(pair.second, f"{name}/cancel", "POST")
    assert (status, document["status"]) == (200, "cancelled")
    assert document["output"][0]["content"][0]["text"] == "Xin "
    assert isinstance(pair.first.only.end, Interrupted)
    assert (await got(pair.first, name))[1] == document


async def test_a_response_that_was_deleted_elsewhere_is_gone_everywhere(pair: Pair) -> None:
    document = await created(pair.first, request())
    assert (await got(pair.second, document["id"], "DELETE"))[0] == 200
    for gateway in (pair.first, pair.second):
        assert (await got(gateway, document["id"]))[0] == 404
        body = request("Two", previous_response_id=document["id"])
        async with gateway.http.post(PATH, json=body) as response:
            error: Json = (await response.json())["error"]
            assert (response.status, error["code"]) == (400, "previous_response_not_found")


async def test_what_is_not_stored_or_has_failed_is_found_nowhere(pair: Pair) -> None:
    document = await created(pair.first, request(store=False))
    assert (await got(pair.second, document["id"]))[0] == 404
    async with posted(pair.first, request()) as task:
        pair.first.upstream.last.fail(Failed(Code.INVALID_REQUEST, "no"))
        assert (await task).status == 400
    for record in pair.first.hub._records:
        assert (await got(pair.second, "resp" + record.generation.id[1:]))[0] == 404


class Gateways:
    """The responses of the gateways of a deployment, without HTTP."""

    def __init__(self, shared: Deployment, max_bytes: int = 64 << 20) -> None:
        self.stores = [ResponseStore(max_bytes, retention=600) for _ in shared.gateways]
        self.lookups = [
            Lookup(store, share_responses(store, gateway.generations, shared.clock))
            for store, gateway in zip(self.stores, shared.gateways, strict=True)
        ]


def response(generation: Generation, *input_items: Items, owner: Principal = ANONYMOUS) -> StoredResponse:
    name = response_id(generation.id)
    return StoredResponse(name, owner.id, b"{}", input_items, generation.created, "m", generation)


async def test_the_oldest_responses_of_an_owner_make_room() -> None:
    async with deployment() as shared:
        first, _ = shared.gateways
        all_of = Gateways(shared, max_bytes=4 * 1700)
        added: list[StoredResponse] = []
        for number in range(4):
            generation = await first.start()
            added.append(response(generation, Items([{"text": str(number) * 400}])))
            all_of.stores[0].add(added[-1])
        await all_of.lookups[0].flush()
        found = [await all_of.lookups[1].find(each.id, Asker(ANONYMOUS)) for each in added]
        assert [each is not None for each in found] == [False, False, True, True]
        for each in added:
            assert each.generation is not None
            first.hub.delete(each.generation.id, ANONYMOUS)


async def test_the_pieces_that_were_renewed_longest_ago_make_room() -> None:
    async with deployment() as shared:
        first, _ = shared.gateways
        all_of = Gateways(shared, max_bytes=4 * 4000)
        pieces = [Items([{"text": str(number) * 1700}]) for number in range(3)]
        added: list[StoredResponse] = []
        for number, conversation in enumerate([pieces[:1], pieces[1:2], pieces[:1], [pieces[0], pieces[2]]]):
            await shared.advance(60, 10)
            added.append(response(await first.start(), *conversation))
            all_of.stores[0].add(added[number])
            await all_of.lookups[0].flush()
        found = [await all_of.lookups[1].find(each.id, Asker(ANONYMOUS)) for each in added]
        assert [each is not None for each in found] == [True, False, True, True]
        for each in added:
            assert each.generation is not None
            first.hub.delete(each.generation.id, ANONYMOUS)


@not_with_redis("Its store is in memory, and it waits two thousand times.")
async def test_pieces_live_as_long_as_a_response_has_them() -> None:
    async with deployment() as shared:
        first, _ = shared.gateways
        all_of = Gateways(shared)
        one = await first.streaming("a")
        items = Items([{"text": "of the conversation"}])
        all_of.stores[0].add(response(one, items))
        for _ in range(100):
            # It runs for longer than it would be kept.
            first.send("b")
            await shared.advance(20, 1)
        found = await all_of.lookups[1].find(response_id(one.id), Asker(ANONYMOUS))
        assert found is not None
        assert [part.data for part in found.parts] == [items.data]
        assert await all_of.lookups[1].find(response_id(one.id), Asker(Principal("other"))) is None
        assert await all_of.lookups[1].has_any_of(one, ANONYMOUS.id)
        first.hub.delete(one.id, ANONYMOUS)


async def test_without_the_store_a_response_is_found_where_it_was_created() -> None:
    async with deployment() as shared:
        first, second = shared.gateways
        all_of = Gateways(shared)
        generation = await first.start()
        first.faults.fail("values")
        all_of.stores[0].add(response(generation))
        await all_of.lookups[0].flush()
        name, asker = response_id(generation.id), Asker(ANONYMOUS)
        assert await all_of.lookups[0].find(name, asker) is not None
        assert [each.id async for each in all_of.lookups[0].newest_first(asker, 10)] == []
        assert await all_of.lookups[1].find(name, asker) is None
        second.faults.fail("values")
        with pytest.raises(Refused) as refused:
            await all_of.lookups[1].find(name, asker)
        assert refused.value.status == 503
        first.hub.delete(generation.id, ANONYMOUS)


async def test_what_belongs_to_a_connection_is_found_by_it_alone() -> None:
    async with deployment() as shared:
        all_of, scope = Gateways(shared), object()
        local = StoredResponse("resp_local", ANONYMOUS.id, b"{}", (), 0, "m", None, scope)
        all_of.stores[0].add(local)
        assert await all_of.lookups[0].find("resp_local", Asker(ANONYMOUS, scope)) is local
        assert [each async for each in all_of.lookups[0].newest_first(Asker(ANONYMOUS, scope), 10)] == [local]
        assert await all_of.lookups[0].find("resp_local", Asker(ANONYMOUS)) is None
        assert await all_of.lookups[1].find("resp_local", Asker(ANONYMOUS, scope)) is None
