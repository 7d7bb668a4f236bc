"""The requests that started runs, as they are kept."""

from gateway.protocol.commands import JsonObject
from tests.gateway.replicas.deployment import deployment
from tests.start_requests import ANONYMOUS
from transports.chat_ui.run_inputs import MAX_BYTES_PER_OWNER, RunInputs, SharedRunInputs

BODY: JsonObject = {"threadId": "t", "runId": "r", "messages": [{"id": "1"}], "tools": [{}], "state": {}}


def test_what_later_events_need_is_kept() -> None:
    inputs = RunInputs(lambda _: False)
    inputs.add("g", BODY)
    assert inputs.find("g") == {"threadId": "t", "runId": "r", "messages": [{"id": "1"}]}
    inputs.forget("g")
    inputs.forget("g")
    assert inputs.find("g") is None
    assert inputs.size == 0


def test_a_request_counts_once() -> None:
    inputs = RunInputs(lambda _: False)
    added = inputs.add("g", BODY)
    assert inputs.add("g", BODY) == b""
    assert inputs.size == len(added) > 0


def test_the_oldest_make_room_unless_they_run() -> None:
    running = {"a"}
    size = 60
    inputs = RunInputs(running.__contains__, max_bytes=2 * size)
    for name in ("a", "b", "c", "d"):
        inputs.add(name, BODY)
    assert inputs.find("a") is not None
    assert inputs.find("b") is None
    assert inputs.find("d") is not None
    assert inputs.size <= 2 * size


async def test_without_the_store_a_request_is_found_where_it_came() -> None:
    async with deployment() as shared:
        first, second = shared.gateways
        generation = await first.start()
        inputs = [SharedRunInputs(gateway.replica.shared, "ag_ui", 60) for gateway in (first, second)]
        first.faults.fail("values")
        await inputs[0].add(generation.id, b"{}", ANONYMOUS)
        assert await inputs[0].find(generation.id) is None
        first.faults.heal()
        await inputs[0].add(generation.id, b'{"runId": "r"}', ANONYMOUS)
        assert await inputs[1].find(generation.id) == {"runId": "r"}
        first.hub.delete(generation.id, ANONYMOUS)


async def test_the_oldest_requests_of_a_principal_make_room_for_all_gateways() -> None:
    async with deployment() as shared:
        first, second = (SharedRunInputs(gateway.replica.shared, "ag_ui", 60) for gateway in shared.gateways)
        large = b'{"messages": "%b"}' % (b"x" * (MAX_BYTES_PER_OWNER // 2 - 100))
        for name in ("a", "b", "c"):
            await first.add(name, large, ANONYMOUS)
        assert [await second.find(name) is not None for name in ("a", "b", "c")] == [False, True, True]
