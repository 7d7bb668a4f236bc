"""What a store does while servers fail, and afterwards."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TypeVar

import pytest
from redis import Redis
from redis.crc import key_slot

from gateway.admission.slots import SlotState
from gateway.clock import SystemClock
from gateway.store.base import Store
from gateway.store.errors import StoreError
from gateway.store.logs import Append, Appended, Position, Take
from gateway.store.redis.connector import CLIENT_NAME
from gateway.store.redis.keys import Keys
from gateway.store.redis.store import RedisStore
from gateway.store.slots import SlotClaim, SlotLimits
from tests.gateway.store.contract.shared import append, chunks, head, texts
from tests.integration.processes import Process
from tests.integration.redis_cluster import RedisCluster, address_of, redis_cluster
from tests.integration.redis_sentinel import watched_pair
from tests.integration.redis_server import redis_server
from tests.integration.starts import free_port

T = TypeVar("T")

HEAL_SECONDS = 20.0
PREFIX = "failures"


@asynccontextmanager
async def connected(url: str, timeout: float = 0.3, prefix: str = PREFIX) -> AsyncIterator[RedisStore]:
    """Yield a store that has started."""
    store = RedisStore(url, prefix=prefix, timeout=timeout)
    try:
        await store.start()
        yield store
    finally:
        await store.close()


@contextmanager
def paused(process: Process) -> Iterator[None]:
    """Stop a process, and let it go on at the end."""
    os.kill(process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process.pid, signal.SIGCONT)


async def healed(call: Callable[[], Awaitable[T]]) -> T:
    """Repeat a call until it does not fail; return what it returns."""
    async with asyncio.timeout(HEAL_SECONDS):
        while True:
            try:
                return await call()
            except StoreError as error:
                assert error.fault != "refused", error.message
                await asyncio.sleep(0.02)


async def fault_of(call: Awaitable[object]) -> str:
    """Return how a call fails."""
    with pytest.raises(StoreError) as error:
        await call
    return error.value.fault


async def text(store: Store, generation_id: str = "g") -> str:
    """Return the stored text of a generation."""
    return texts((await store.logs.read({generation_id: Position()}))[generation_id].entries)


def control(url: str) -> Redis:
    """Return a client for the commands of an operator."""
    return Redis.from_url(url, decode_responses=True)


async def test_a_server_that_was_restarted_without_its_data_is_used_again() -> None:
    port = free_port()
    with redis_server(port=port) as server:
        url = server.url
        store = RedisStore(url, timeout=0.3)
        await store.start()
        await store.logs.create(head("g"), chunks(1, 2), 60)
        await store.messages.send([("a", b"1")])
        assert await store.messages.receive("a") == [b"1"]
        os.kill(server.pid, signal.SIGKILL)
        assert await fault_of(store.logs.append([append("g", chunks(3, 3))])) == "unreachable"
        assert await fault_of(store.messages.receive("a")) == "unreachable"
    with redis_server(port=port):
        assert await healed(lambda: store.logs.append([append("g", chunks(3, 3))])) == [Appended.MISSING]
        assert await store.logs.create(head("g"), chunks(1, 3), 60)
        assert await text(store) == "1,2,3,"
        receiving = asyncio.create_task(healed(lambda: store.messages.receive("a")))
        await store.messages.send([("a", b"2")])
        assert await receiving == [b"2"]
        await store.close()


async def test_an_inbox_is_read_after_a_restart_with_a_clock_that_is_behind() -> None:
    """Ids in the new inbox are lower than the last one that was read."""
    port = free_port()
    with redis_server(port=port) as server:
        store = RedisStore(server.url, timeout=0.3)
        await store.start()
        with control(server.url) as redis:
            key = store.keys.inbox("a")
            redis.execute_command("XADD", key, "99999999999999-0", "m", "future")
            assert await store.messages.receive("a") == [b"future"]
            receiving = asyncio.create_task(healed(lambda: store.messages.receive("a")))
            os.kill(server.pid, signal.SIGKILL)
    with redis_server(port=port):
        await healed(lambda: store.messages.send([("a", b"now")]))
        assert await receiving == [b"now"]
        await store.close()


async def test_connections_that_the_server_has_closed_cost_no_call(redis_url: str) -> None:
    async with connected(redis_url) as store:
        await asyncio.gather(*(store.logs.create(head(f"g{number}"), chunks(1, 1), 60) for number in range(20)))
        with control(redis_url) as redis:
            redis.client_kill_filter(_type="normal", skipme=True)
            async with asyncio.timeout(HEAL_SECONDS):
                while any(client["name"] == CLIENT_NAME for client in redis.client_list()):
                    await asyncio.sleep(0.01)
        # They are closed: now the event loop notices it.
        await asyncio.sleep(0.01)
        assert await text(store, "g0") == "1,"


async def test_scripts_that_the_server_has_lost_are_loaded_again(redis_url: str) -> None:
    async with connected(redis_url) as store:
        await store.logs.create(head("lost-scripts"), chunks(1, 1), 60)
        with control(redis_url) as redis:
            redis.script_flush()
        results = await store.logs.append([append("lost-scripts", chunks(2, 2)), append("other", chunks(2, 2))])
        assert results == [Appended.STORED, Appended.MISSING]
        assert await text(store, "lost-scripts") == "1,2,"


async def test_keys_that_hold_something_else_are_deleted_and_stop_nothing_else(redis_url: str) -> None:
    async with connected(redis_url, prefix="damaged") as store:
        keys, limits = store.keys, SlotLimits(10, 10)
        for number, part in enumerate(keys.generation("g")):
            await store.logs.create(head("g"), chunks(1, 1), 60)
            await store.logs.create(head("h"), chunks(1, 1), 60)
            with control(redis_url) as redis:
                redis.set(part, "garbage")
            parts = await store.logs.read({"g": Position(), "h": Position()})
            assert list(parts) == ["h"]
            with control(redis_url) as redis:
                redis.set(part, "garbage")
            assert await store.logs.append([append("g", chunks(2, 2))]) == [Appended.MISSING], number
            assert await store.logs.create(head("g"), chunks(1, 2), 60)
            assert await text(store) == "1,2,"
            await store.logs.delete("g")
        with control(redis_url) as redis:
            for key in (*keys.slots, *keys.members, keys.owned("a"), keys.inbox("a")):
                redis.set(key, "garbage")
        assert not (await store.members.renew("a", 3, b"")).was_alive
        assert (await store.members.renew("a", 3, b"")).was_alive
        claimed = await store.slots.claim("a", SlotClaim("g", "p"), limits, 3, may_wait=True)
        assert claimed.state is SlotState.RUNNING
        assert await store.logs.create(head("new"), chunks(1, 1), 60)
        await store.messages.send([("a", b"1")])
        assert await store.messages.receive("a") == [b"1"]


@pytest.mark.parametrize("number", range(9))
async def test_slots_of_which_a_part_was_evicted_are_neither_lost_nor_in_the_way(redis_url: str, number: int) -> None:
    limits = SlotLimits(1, 10)
    async with connected(redis_url, prefix=f"evicted{number}") as store:
        for name in ("runs", "waits"):
            await store.slots.claim("a", SlotClaim(name, "p"), limits, 3, may_wait=True)
        with control(redis_url) as redis:
            redis.delete(store.keys.slots[number])
        await store.slots.look("a", limits, 3, ())
        await store.slots.release("a", ["runs", "waits"], limits)
        claimed = await store.slots.claim("b", SlotClaim("new", "q"), limits, 3, may_wait=True)
        assert claimed.state is SlotState.RUNNING


@pytest.mark.parametrize("number", range(9))
async def test_slots_of_which_a_part_was_evicted_are_restored(redis_url: str, number: int) -> None:
    limits = SlotLimits(1, 10)
    async with connected(redis_url, prefix=f"restored{number}") as store:
        for name in ("runs", "waits"):
            await store.slots.claim("a", SlotClaim(name, "p"), limits, 3, may_wait=True)
        with control(redis_url) as redis:
            redis.delete(store.keys.slots[number])
        await restore_missing(store, limits, ["runs"], ["waits"])
        assert (await store.slots.held("a")).keys() == {"runs", "waits"}
        await store.slots.release("a", ["runs"], limits)
        await restore_missing(store, limits, [], ["waits"])
        assert (await store.slots.look("a", limits, 3, ())).changed == {"waits": SlotState.RUNNING}
        assert await store.slots.held("a") == {"waits": SlotState.RUNNING}


async def restore_missing(store: RedisStore, limits: SlotLimits, running: list[str], waiting: list[str]) -> None:
    """Restore claims of a gateway that the store lacks, as the gateway does."""
    await store.slots.look("a", limits, 3, ())
    held = await store.slots.held("a")
    lacking = [SlotClaim(name, "p") for name in running if name not in held]
    await store.slots.restore("a", lacking, [SlotClaim(name, "p") for name in waiting if name not in held], limits, 3)


async def test_a_damaged_head_does_not_stop_the_reading_of_others(redis_url: str) -> None:
    async with connected(redis_url, prefix="damaged-head") as store:
        for name in "gh":
            await store.logs.create(head(name), chunks(1, 1), 60)
        with control(redis_url) as redis:
            redis.hset(store.keys.generation("g")[0], "fence", "garbage")
        assert list(await store.logs.read({"g": Position(), "h": Position()})) == ["h"]


async def test_while_a_server_does_not_answer_one_call_waits_and_the_others_fail_at_once() -> None:
    with redis_server() as server:
        async with connected(server.url, timeout=0.5) as store:
            await store.logs.create(head("g"), chunks(1, 1), 60)
            receiving = asyncio.create_task(healed(lambda: store.messages.receive("a")))
            with paused(server):
                calls = (store.logs.append([append("g", chunks(2, 2))]) for _ in range(50))
                assert await asyncio.gather(*map(fault_of, calls)) == ["timeout"] * 50
                # One of these may be the probe; see `Availability`.
                again = (store.logs.append([append("g", chunks(2, 2))]) for _ in range(50))
                assert await asyncio.gather(*map(fault_of, again)) == ["timeout"] * 50
            assert await healed(lambda: store.logs.append([append("g", chunks(2, 2))])) == [Appended.STORED]
            assert await text(store) == "1,2,"
            await store.messages.send([("a", b"1")])
            assert await receiving == [b"1"]


async def test_a_full_server_refuses_writes_and_is_read() -> None:
    with redis_server("--maxmemory-policy", "noeviction") as server, control(server.url) as redis:
        async with connected(server.url) as store:
            await store.logs.create(head("g"), chunks(1, 1), 60)
            redis.config_set("maxmemory", 1)
            assert await fault_of(store.logs.append([append("g", chunks(2, 2))])) == "full"
            assert await fault_of(store.logs.create(head("h"), chunks(1, 1), 60)) == "full"
            assert await fault_of(store.messages.send([("a", b"1")])) == "full"
            assert await text(store) == "1,"
            # What makes room is not refused.
            await store.logs.delete("other")
            redis.config_set("maxmemory", 0)
            assert await store.logs.read({"h": Position()}) == {}
            assert await store.logs.append([append("g", chunks(2, 2))]) == [Appended.STORED]
            assert await text(store) == "1,2,"


async def test_a_server_that_takes_no_writes_is_told_and_heals() -> None:
    with redis_server() as server:
        async with connected(server.url) as store:
            await store.logs.create(head("g"), chunks(1, 1), 60)
            with control(server.url) as redis:
                redis.config_set("min-replicas-to-write", 1)
                assert await fault_of(store.logs.append([append("g", chunks(2, 2))])) == "read_only"
                redis.config_set("min-replicas-to-write", 0)
                assert await store.logs.append([append("g", chunks(2, 2))]) == [Appended.STORED]
                redis.replicaof("127.0.0.1", 1)
                assert await fault_of(store.logs.append([append("g", chunks(3, 3))])) == "read_only"
                redis.replicaof("NO", "ONE")
                assert await healed(lambda: store.logs.append([append("g", chunks(3, 3))])) == [Appended.STORED]


async def test_the_number_of_connections_is_bounded(redis_url: str) -> None:
    async with connected(redis_url, timeout=5) as store:
        names = [f"bounded-{number}" for number in range(300)]
        await asyncio.gather(*(store.logs.create(head(name), chunks(1, 9), 60) for name in names))
        with control(redis_url) as redis:
            count = sum(client["name"] == CLIENT_NAME for client in redis.client_list())
        # Others in this session may have left some of theirs, which the server has not noticed yet.
        assert 1 <= count <= 16


async def test_a_call_that_is_cancelled_takes_no_reply_of_another(redis_url: str) -> None:
    async with connected(redis_url, timeout=5) as store:
        await store.values.set({f"k{number}": b"%d" % number for number in range(200)}, 60)
        tasks = [asyncio.create_task(store.values.get([f"k{number}"])) for number in range(200)]
        for index, task in enumerate(tasks):
            if index % 3 == 0:
                await asyncio.sleep(0)
                task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        for number, result in enumerate(results):
            assert isinstance(result, asyncio.CancelledError) or result == [b"%d" % number]
        assert await store.values.get(["k7"]) == [b"7"]


async def test_sentinels_lead_to_the_replica_that_has_become_the_primary(tmp_path: Path) -> None:
    with watched_pair(tmp_path) as pair:
        async with connected(pair.url, timeout=1) as store:
            await store.logs.create(head("g"), chunks(1, 1), 60)
            with control(pair.primary.url) as redis:
                redis.wait(1, 5000)
            receiving = asyncio.create_task(healed(lambda: store.messages.receive("a")))
            os.kill(pair.primary.pid, signal.SIGKILL)
            assert await healed(lambda: store.logs.append([append("g", chunks(2, 2))])) == [Appended.STORED]
            assert await text(store) == "1,2,"
            await store.messages.send([("a", b"1")])
            assert await receiving == [b"1"]
            with control(pair.replica.url) as redis:
                assert redis.role()[0] == "master"


@pytest.fixture(scope="module")
def own_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisCluster]:
    """A cluster that these tests may break."""
    with redis_cluster(tmp_path_factory.mktemp("own-cluster")) as cluster:
        yield cluster


async def test_a_slot_that_moves_to_another_node_is_followed(own_cluster: RedisCluster) -> None:
    keys = Keys(PREFIX)
    slot = key_slot(keys.generation("moving")[0].encode())
    source = slot * 3 // 16384
    target = (source + 1) % 3
    ids = [str(own_cluster.run(number, "CLUSTER", "MYID")) for number in range(3)]
    host, port = address_of(own_cluster.nodes[target]).split(":")
    async with connected(own_cluster.url, timeout=1) as store, connected(own_cluster.url, timeout=1) as other:
        await store.logs.create(head("moving"), chunks(1, 1), 60, b"prompt")
        assert await text(other, "moving") == "1,"
        own_cluster.run(target, "CLUSTER", "SETSLOT", slot, "IMPORTING", ids[source])
        own_cluster.run(source, "CLUSTER", "SETSLOT", slot, "MIGRATING", ids[target])
        # What is still there is served there.
        assert await store.logs.append([append("moving", chunks(2, 2))]) == [Appended.STORED]
        found = own_cluster.run(source, "CLUSTER", "GETKEYSINSLOT", slot, 100)
        assert isinstance(found, list)
        for key in found:
            own_cluster.run(source, "MIGRATE", host, port, key, 0, 5000)
        # What has moved is asked for at the other node (ASK).
        assert await store.logs.append([append("moving", chunks(3, 3))]) == [Appended.STORED]
        assert await text(other, "moving") == "1,2,3,"
        for number in (target, source, 3 - source - target):
            own_cluster.run(number, "CLUSTER", "SETSLOT", slot, "NODE", ids[target])
        # All of the slot is there now (MOVED).
        appends: list[Append] = [append("moving", chunks(4, 4)), append("elsewhere", chunks(1, 1))]
        assert await store.logs.append(appends) == [Appended.STORED, Appended.MISSING]
        assert await text(other, "moving") == "1,2,3,4,"


async def test_a_node_of_a_cluster_that_is_gone_comes_back(own_cluster: RedisCluster) -> None:
    async with connected(own_cluster.url, timeout=0.5) as store:
        names = [f"g{number}" for number in range(30)]
        for name in names:
            assert await store.logs.create(head(name), chunks(1, 1), 60)
        receiving = asyncio.create_task(healed(lambda: store.messages.receive("a")))
        appends = [append(name, chunks(2, 2)) for name in names]
        with paused(own_cluster.nodes[1]):
            assert await fault_of(store.logs.append(appends)) in {"timeout", "unreachable"}
        assert await healed(lambda: store.logs.append(appends)) == [Appended.STORED] * 30
        parts = await healed(lambda: store.logs.read(dict.fromkeys(names, Position())))
        assert {texts(part.entries) for part in parts.values()} == {"1,2,"}
        await healed(lambda: store.messages.send([("a", b"1")]))
        assert await receiving == [b"1"]


async def test_no_key_is_kept_for_ever_but_the_leases(redis_url: str) -> None:
    async with connected(redis_url, prefix="expiring") as store:
        await store.logs.create(head("g"), chunks(1, 1), 60, b"prompt")
        await store.logs.append([append("g", chunks(2, 2))], {"reader": b"wake"})
        await store.logs.take([Take("g", "a", 0, "b")])
        await store.members.renew("a", 60, b"")
        with control(redis_url) as redis:
            kept = [key for key in redis.scan_iter("expiring:*") if redis.ttl(key) < 0]
        assert sorted(kept) == sorted(store.keys.members)


async def test_a_clock_that_differs_is_logged(redis_url: str, caplog: pytest.LogCaptureFixture) -> None:
    class Ahead(SystemClock):
        @staticmethod
        def unix() -> float:
            return SystemClock.unix() + 10

    store = RedisStore(redis_url, prefix=PREFIX, clock=Ahead())
    await store.members.renew("skewed", 1, b"")
    await store.members.renew("skewed", 1, b"")
    await store.close()
    (record,) = caplog.records
    assert "the clock of this machine is 10.0 s ahead of that of Redis" in record.getMessage()


class Movable(SystemClock):
    """A clock that can be moved."""

    ahead = 0.0

    def now(self) -> float:
        """Return the moved time."""
        return time.monotonic() + self.ahead


async def test_names_of_what_a_gateway_owns_get_their_expiry_each_minute(redis_url: str) -> None:
    clock = Movable()
    store = RedisStore(redis_url, prefix="expiry", clock=clock)
    await store.start()
    key = store.keys.owned("a")
    with control(redis_url) as redis:
        await store.logs.create(head("g1"), chunks(1, 1), 60)
        assert redis.ttl(key) > 3600
        # As after a loss of all data: the key is new.
        redis.delete(key)
        await store.logs.create(head("g2"), chunks(1, 1), 60)
        assert redis.smembers(key) == {"g2"}
        clock.ahead = 61.0
        await store.logs.create(head("g3"), chunks(1, 1), 60)
        assert redis.ttl(key) > 3600
    await store.close()
