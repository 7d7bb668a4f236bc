"""Stored responses: what is shared between them, who finds them, and what makes room for what."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from gateway.api.model_api.responses.store import OVERHEAD, Conversation, Items, ResponseStore, StoredResponse, decode
from gateway.generation.generation import Generation
from gateway.protocol.commands import JsonObject
from tests.start_requests import start_request

ITEM: JsonObject = {"type": "message", "role": "user", "content": "x" * 100}


def generation(name: str) -> Generation:
    return Generation(name, start_request(), "r", "m", 0.0)


def response(
    name: str,
    before: Conversation = (),
    *,
    owner: str = "alice",
    scope: object = None,
    log: Generation | None = None,
) -> StoredResponse:
    return StoredResponse(name, owner, b"{}", (*before, Items([ITEM])), 0, "m", log, scope)


def test_a_conversation_is_decoded_as_it_was() -> None:
    parts = (Items([ITEM, {"type": "x"}]), Items([]), Items([{"type": "y"}]))
    assert decode(parts) == [ITEM, {"type": "x"}, {"type": "y"}]
    assert decode(()) == []


def test_responses_of_one_conversation_share_its_items() -> None:
    store = ResponseStore()
    first = response("resp_1")
    store.add(first)
    alone = store.size
    store.finish(first, Items([ITEM]))
    store.add(response("resp_2", first.parts))
    assert store.size == 2 * alone + len(Items([ITEM]).data)
    store.forget("resp_1")
    assert store.size == alone + 2 * len(Items([ITEM]).data)
    assert store.find("resp_1", "alice") is None
    store.forget("resp_2")
    store.forget("resp_2")
    assert (store.size, len(store)) == (0, 0)


def test_a_response_is_stored_once() -> None:
    store = ResponseStore()
    first = response("resp_1")
    store.add(first)
    size = store.size
    store.add(response("resp_1"))
    assert (store.find("resp_1", "alice"), store.size) == (first, size)


def test_nobody_else_finds_a_response() -> None:
    store, connection = ResponseStore(), object()
    store.add(response("resp_1"))
    store.add(response("resp_2", scope=connection))
    assert store.find("resp_1", "bob") is None
    assert store.find("resp_2", "alice") is None
    assert store.find("resp_2", "alice", object()) is None
    assert store.find("resp_2", "alice", connection) is not None
    assert [found.id for found in store.newest_first("alice", connection)] == ["resp_2", "resp_1"]
    assert [found.id for found in store.newest_first("alice")] == ["resp_1"]
    assert store.newest_first("bob") == []


def test_responses_are_forgotten_with_their_generation() -> None:
    store, log = ResponseStore(), generation("g_1")
    store.add(response("resp_1", log=log))
    store.add(response("resp_1.2", log=log))
    store.add(response("resp_2", log=generation("g_2")))
    assert store.has_any_of("g_1")
    store.forget_generation("g_1")
    assert not store.has_any_of("g_1")
    store.forget_generation("g_1")
    assert [found.id for found in store.newest_first("alice")] == ["resp_2"]


def test_the_oldest_of_an_owner_make_room() -> None:
    one = OVERHEAD + len(b"{}") + len(Items([ITEM]).data)
    store = ResponseStore(max_bytes=4 * 3 * one)
    for at in range(5):
        store.add(response(f"resp_{at}"))
    store.add(response("resp_b", owner="bob"))
    assert [found.id for found in store.newest_first("alice")] == ["resp_4", "resp_3", "resp_2"]
    assert store.find("resp_b", "bob") is not None


def test_the_oldest_of_all_make_room() -> None:
    one = OVERHEAD + len(b"{}") + len(Items([ITEM]).data)
    store = ResponseStore(max_bytes=4 * one)
    for at in range(6):
        store.add(response(f"resp_{at}", owner=f"owner {at}"))
    assert [at for at in range(6) if store.find(f"resp_{at}", f"owner {at}")] == [2, 3, 4, 5]


def test_without_memory_nothing_is_stored() -> None:
    store = ResponseStore(max_bytes=0)
    store.add(response("resp_1"))
    assert (len(store), store.size) == (0, 0)


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 9), st.booleans()), max_size=60))
def test_what_is_counted_is_what_is_held(steps: Sequence[tuple[str, int, bool]]) -> None:
    store = ResponseStore(max_bytes=6000)
    for at, (owner, previous, adds) in enumerate(steps):
        found = store.find(f"resp_{previous}", owner)
        if not adds:
            store.forget(f"resp_{previous}")
            continue
        if found is not None:
            store.finish(found, Items([ITEM]))
        store.add(response(f"resp_{at % 10}", () if found is None else found.parts, owner=owner))
    held = {id(part): part for owner in "ab" for found in store.newest_first(owner) for part in found.parts}
    sizes = sum(found.size for owner in "ab" for found in store.newest_first(owner))
    assert store.size == sizes + sum(len(part.data) for part in held.values()) <= 6000
