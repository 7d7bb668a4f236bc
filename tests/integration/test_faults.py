"""What goes wrong is seen for what it is, on both transports, and nothing is left of it. See docs/reliability.md."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import get_args

import aiohttp
import pytest

from gateway.client import Answer, Client, TransportName
from gateway.protocol.errors import Code
from gateway.protocol.events import Event, Interrupted, Queued, Start
from gateway.simulator.settings import Fault
from tests.integration.faults import admission, catalogue, clients, draining, proxy, upstream
from tests.integration.faults.cases import CASES, SETUPS, Case
from tests.integration.faults.page import PAGE, SOAK
from tests.integration.faults.proxy import Proxy
from tests.integration.faults.replay import faults_of_log
from tests.integration.faults.servers import Gateway, busy, calls, gateway, stats, until_idle
from tests.integration.servers import simulator_process

TRANSPORTS = catalogue.TRANSPORTS
PATIENCE = 30.0
ANSWER = bytes(range(256)) * 40


# The catalogue.


@pytest.fixture(scope="module")
def results() -> catalogue.Results:
    return asyncio.run(catalogue.run())


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_client_sees_what_happened(results: catalogue.Results, case: Case, transport: TransportName) -> None:
    assert catalogue.deviations(case, results.seen[case.name, transport]) == []


def test_after_all_of_it_nothing_is_left_and_nothing_was_complained_about(results: catalogue.Results) -> None:
    assert set(results.left) == {setup.name for setup in SETUPS}
    assert not any(results.left.values()), results.left
    assert not any(results.complaints.values()), results.complaints


def test_the_catalogue_holds_every_fault_there_is() -> None:
    assert len({case.name for case in CASES}) == len(CASES)
    simulated = {fault for fault in get_args(Fault) for case in CASES if f"fault={fault}" in f"{case.model}&"}
    assert simulated == set(get_args(Fault))
    assert {type(mode) for case in CASES for mode in case.modes} == set(get_args(proxy.Mode))


def test_an_expectation_can_fail(results: catalogue.Results) -> None:
    (case,) = (case for case in CASES if case.name == "drop")
    observed = results.seen["drop", "sse"]
    for wrong in (
        replace(case, calls=2),
        replace(case, ended_by="client"),
        replace(case, sees=replace(case.sees, code=Code.STALLED)),
        replace(case, sees=replace(case.sees, code=None)),
        replace(case, sees=replace(case.sees, retryable=False)),
        replace(case, sees=replace(case.sees, partial=False)),
        replace(case, sees=replace(case.sees, text="whole")),
        replace(case, sees=replace(case.sees, retried=[Code.TRUNCATED])),
        replace(case, sees=replace(case.sees, longest_wait_ms=1)),
    ):
        assert catalogue.deviations(wrong, observed), wrong
    assert catalogue.deviations(case, replace(observed, text=observed.text[1:]))
    assert catalogue.deviations(case, replace(observed, attachments=1))


def test_faults_of_a_log_are_found() -> None:
    begin: dict[str, object] = {"type": "accepted", "seq": 1}
    end: dict[str, object] = {"type": "complete", "seq": 3}
    assert faults_of_log([begin, {"type": "chunk", "seq": 2}, end]) == []
    assert faults_of_log([begin, {"type": "start", "seq": 3}, {**end, "seq": 4}])
    assert faults_of_log([begin, {"type": "chunk", "seq": 2}, {"type": "chunk", "seq": 2}, end])
    assert faults_of_log([begin, {**end, "seq": 2}, end])
    assert faults_of_log([begin, {**end, "seq": 2}, {"type": "chunk", "seq": 3}])
    assert faults_of_log([begin])
    assert faults_of_log([end])


def test_the_page_shows_every_case() -> None:
    page = PAGE.read_text("utf-8")
    for case in CASES:
        assert f"| {case.name} |" in page, f"{case.name}: make faults writes the page"
    assert SOAK in page, "make soak writes its section"


# The proxy itself.


@asynccontextmanager
async def before_a_server(*modes: proxy.Mode) -> AsyncIterator[tuple[Proxy, list[bytes]]]:
    """A proxy before a server that reads five bytes and answers, then keeps its side open; and what it received."""
    received: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            received.append(await reader.readexactly(5))
            writer.write(ANSWER)
            await reader.read()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        async with asyncio.timeout(PATIENCE):
            async with Proxy(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", *modes) as ours:
                yield ours, received
    finally:
        server.close()


async def call(ours: Proxy) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(ours.address.rpartition(":")[2]))
    writer.write(b"hello")
    return reader, writer


@pytest.mark.parametrize(
    "mode", [proxy.Pass(), proxy.Latency(0.05), proxy.ByteByByte(), proxy.Bandwidth(100_000)], ids=repr
)
async def test_a_proxy_that_does_not_cut_brings_everything(mode: proxy.Mode) -> None:
    async with before_a_server(mode) as (ours, received):
        loop = asyncio.get_running_loop()
        began = loop.time()
        reader, writer = await call(ours)
        assert await reader.readexactly(len(ANSWER)) == ANSWER
        took = loop.time() - began
        assert received == [b"hello"]
        writer.close()
        while ours.connections[0].ended_by is None:
            await asyncio.sleep(0)
        assert ours.connections[0].ended_by == "client"
        assert ours.connections[0].answered == len(ANSWER)
        # Never faster than asked; how much slower is the machine's business.
        if isinstance(mode, proxy.Latency):
            assert took >= 0.1
        if isinstance(mode, proxy.Bandwidth):
            assert took >= 0.05


async def test_a_reset_is_one_and_comes_after_so_many_bytes() -> None:
    async with before_a_server(proxy.Reset(100), proxy.Reset()) as (ours, received):
        for expected in (ANSWER[:100], b""):
            reader, _ = await call(ours)
            read = b""
            with pytest.raises(ConnectionResetError):
                while True:
                    read += await reader.readexactly(1)
            assert read == expected
        assert [connection.ended_by for connection in ours.connections] == ["proxy", "proxy"]
        assert [connection.calls(b"hello") for connection in ours.connections] == [1, 1]
        assert received[0] == b"hello"


async def test_a_half_close_ends_one_direction_in_order() -> None:
    async with before_a_server(proxy.HalfClose(100)) as (ours, _):
        reader, writer = await call(ours)
        assert await reader.read() == ANSWER[:100]
        writer.write(b"still there")
        while b"still there" not in ours.connections[0].sent:
            await asyncio.sleep(0)
        writer.close()


async def test_a_black_hole_takes_everything_and_gives_nothing() -> None:
    async with before_a_server(proxy.BlackHole(), proxy.BlackHole(100)) as (ours, received):
        reader, writer = await call(ours)
        while not ours.connections[0].sent:
            await asyncio.sleep(0)
        assert received == []
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.05)
        writer.close()
        reader, writer = await call(ours)
        assert await reader.readexactly(100) == ANSWER[:100]
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.05)
        writer.close()
        while ours.connections[1].ended_by is None:
            await asyncio.sleep(0)


async def test_a_port_can_be_closed_deaf_and_open_again() -> None:
    async with before_a_server(proxy.Refuse()) as (ours, _):
        address = ours.address
        with pytest.raises(ConnectionRefusedError):
            await call(ours)
        await ours.become(proxy.Deaf())
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(call(ours), 0.1)
        await ours.become(proxy.Pass())
        assert ours.address == address
        reader, _ = await call(ours)
        assert await reader.readexactly(3) == ANSWER[:3]
        assert ours.cut() == 1
        with pytest.raises(ConnectionResetError):
            while await reader.read(1 << 20):
                pass


# Clients that die or do not read.


@pytest.fixture(scope="module")
def simulator() -> Iterator[str]:
    with simulator_process() as address:
        yield address


@pytest.fixture
def patient(simulator: str) -> Iterator[Gateway]:
    settings = {
        "DUALSTREAM_GRACE": "1",
        "DUALSTREAM_MAX_CONCURRENT": "0",
        "DUALSTREAM_VIEWER_TIMEOUT": "1",
        "DUALSTREAM_MAX_OUTPUT_BYTES": str(clients.LARGE_OUTPUT_BYTES),
    }
    with gateway(simulator, settings) as running:
        yield running
        assert running.complaints() == []


async def test_half_of_the_clients_can_be_killed_at_once(patient: Gateway, simulator: str) -> None:
    seen = await clients.kill_half(patient, simulator, 50)
    assert (seen.killed, seen.survivors) == (50, 50)
    assert seen.deviations() == []


async def test_a_client_that_does_not_read_is_cut_off_and_can_resume(patient: Gateway, simulator: str) -> None:
    for transport in TRANSPORTS:
        seen = await clients.does_not_read(patient, simulator, transport)
        # It was given a second, counted from before we began to.
        assert seen.after_s > 0.5, seen
        assert seen.deviations() == []


# An upstream that dies, and one that always fails.


async def test_an_upstream_that_was_killed_is_left_alone_probed_and_used_again() -> None:
    seen = await upstream.recovery(2)
    assert seen.deviations() == []


async def test_a_failing_upstream_is_not_hammered() -> None:
    seen = await upstream.retry_budget(50)
    # Ten retries and one for each five first calls; four attempts each would be 200 calls.
    assert seen.deviations() == []


async def test_a_call_that_breaks_is_not_sent_again_over_each_kept_connection(simulator: str) -> None:
    """A server that dies while it works on a call breaks it as one does that had closed an idle connection."""
    kept = 8
    with gateway(simulator, {"DUALSTREAM_MAX_ATTEMPTS": "1"}) as running:
        async with aiohttp.ClientSession() as http, Client(running.address) as client:
            warm = [await client.start("Hello", model="sim?ttft=300&speed=0&length=20") for _ in range(kept)]
            await asyncio.gather(*(_read(answer) for answer in warm))
            before = await calls(http, simulator)
            await _read(await client.start("Hello", model="sim?fault=refuse"))
            assert await calls(http, simulator) - before <= 2


async def _read(answer: Answer) -> list[Event]:
    return [event async for event in answer]


# SIGTERM.


async def test_a_drain_lets_end_what_can_and_ends_the_rest_at_its_deadline() -> None:
    seen = await draining.drain(10, 10, 3)
    assert seen.deviations(10, 10, 3) == []


# Turns and limits.


async def test_one_principal_with_a_hundred_waiting_does_not_starve_one_with_one(simulator: str) -> None:
    settings = {"DUALSTREAM_MAX_CONCURRENT": "1", "DUALSTREAM_TRUSTED_PROXIES": "127.0.0.1"}
    with gateway(simulator, settings) as running:
        for transport in TRANSPORTS:
            seen = await admission.fairness(running, transport, 100)
            assert seen.deviations() == []
        assert running.complaints() == []


async def test_the_limiter_lets_through_what_is_configured_and_says_when_to_come_back(simulator: str) -> None:
    settings = {
        "DUALSTREAM_RATE_LIMIT_PER_MINUTE": "600",
        "DUALSTREAM_RATE_LIMIT_BURST": "20",
        "DUALSTREAM_TRUSTED_PROXIES": "127.0.0.1",
    }
    with gateway(simulator, settings) as running:
        for seen in await asyncio.gather(*(admission.limiter(running, one, 600, 20, 4) for one in TRANSPORTS)):
            assert seen.deviations() == []
        assert running.complaints() == []


@pytest.fixture
def narrow(simulator: str) -> Iterator[Gateway]:
    """One slot, two places before it."""
    settings = {
        "DUALSTREAM_MAX_CONCURRENT": "1",
        "DUALSTREAM_MAX_QUEUE": "2",
        "DUALSTREAM_RATE_LIMIT_PER_MINUTE": "60",
        "DUALSTREAM_RATE_LIMIT_BURST": "10",
        "DUALSTREAM_TRUSTED_PROXIES": "127.0.0.1",
    }
    with gateway(simulator, settings) as running:
        yield running
        assert running.complaints() == []


async def _until(answer: Answer, kind: type[Event]) -> list[Event]:
    """Read to the next event of a kind; give all that came."""
    came: list[Event] = []
    async with asyncio.timeout(PATIENCE):
        async for event in answer:
            came.append(event)
            if isinstance(event, kind):
                return came
    raise AssertionError(came)


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_who_waits_is_told_its_place_and_for_how_long(narrow: Gateway, transport: TransportName) -> None:
    async with Client(narrow.address, transport=transport) as client, aiohttp.ClientSession() as http:
        # After a first one it is known how long a slot is held.
        await _read(await client.start("Hello", model=admission.BRIEF))
        holder = await client.start("Hello", model=admission.ENDLESS)
        await _until(holder, Start)
        second, third = [await client.start("Hello", model=admission.ENDLESS) for _ in range(2)]
        for place, answer in enumerate((second, third), start=1):
            told = (await _until(answer, Queued))[-1]
            assert isinstance(told, Queued)
            assert told.position == place
            assert isinstance(told.eta_ms, int)
            assert told.eta_ms > 0
        assert (await stats(http, narrow.address))["queued"] == 2
        await holder.interrupt()
        await _until(second, Start)
        told = (await _until(third, Queued))[-1]
        assert isinstance(told, Queued)
        assert told.position == 1
        # It is stopped where it stands: no upstream is called.
        await third.interrupt()
        rest = await _read(third)
        assert isinstance(rest[-1], Interrupted)
        assert not any(isinstance(event, Start) for event in rest)
        await second.interrupt()
        await asyncio.gather(_read(holder), _read(second))
        assert busy(await until_idle(http, narrow.address)) == {}


async def _fill(http: aiohttp.ClientSession) -> list[str]:
    """Take the slot and both places, for others."""
    held = []
    for number in range(3):
        headers = admission.behind(f"10.0.9.{number}")
        async with http.post("/api/generations", json=admission.body(admission.ENDLESS), headers=headers) as response:
            assert response.status == 201
            held.append((await response.json())["id"])
    return held


async def _stop(http: aiohttp.ClientSession, held: list[str]) -> None:
    for generation_id in held:
        async with http.post(f"/api/generations/{generation_id}/interrupt") as response:
            assert response.status == 202
    assert busy(await until_idle(http, "")) == {}


async def _use_up(http: aiohttp.ClientSession, headers: dict[str, str]) -> tuple[Mapping[str, str], dict[str, object]]:
    """Start what passes until the limit is reached; give the refusal's headers and what it says."""
    async with asyncio.timeout(PATIENCE):
        while True:
            async with http.post(
                "/api/generations", json=admission.body(admission.INSTANT), headers=headers
            ) as response:
                if response.status == 429:
                    return response.headers, (await response.json())["error"]


async def test_a_refusal_by_http_says_why_and_when_to_come_back(narrow: Gateway) -> None:
    async with aiohttp.ClientSession(narrow.address) as http:
        held = await _fill(http)
        headers, body = admission.behind("10.0.2.1"), admission.body(admission.BRIEF)
        for path in ("/api/chat/stream", "/api/generations"):
            async with http.post(path, json=body, headers=headers) as response:
                assert response.status == 503
                assert int(response.headers["Retry-After"]) >= 1
                assert response.headers["RateLimit"].startswith('"default";r=')
                error = (await response.json())["error"]
                assert (error["code"], error["retryable"]) == ("queue_full", True)
                # What was not taken is not counted.
                assert "r=10;" in response.headers["RateLimit"]
        await _stop(http, held)
        headers_of_refusal, error = await _use_up(http, headers)
        assert headers_of_refusal["Retry-After"] == "1"
        assert headers_of_refusal["RateLimit"].startswith('"default";r=0;t=')
        assert headers_of_refusal["X-RateLimit-Limit"] == "60"
        assert headers_of_refusal["X-RateLimit-Remaining"] == "0"
        assert (error["code"], error["retryable"]) == ("rate_limit", True)
        assert 0 < int(str(error["retry_after_ms"])) <= 1000
        said = ""
        while '"code":"rate_limit"' not in said:
            # In the meantime one more may have become possible.
            await _use_up(http, headers)
            asks = {**headers, "Accept": "text/event-stream"}
            query = {"prompt": "Hi", "model": admission.INSTANT}
            async with http.get("/api/chat/stream", params=query, headers=asks) as response:
                assert response.status == 200
                said = await response.text()
        assert said.startswith("retry: ")
        assert "\nid:" not in said
        # Another one is not held to this one's limit.
        async with http.post("/api/generations", json=body, headers=admission.behind("10.0.2.2")) as response:
            assert response.status == 201
        assert busy(await until_idle(http, "")) == {}


async def test_a_refusal_by_websocket_leaves_the_socket_alive(narrow: Gateway) -> None:
    async with (
        aiohttp.ClientSession(narrow.address) as http,
        http.ws_connect("/api/ws", headers=admission.behind("10.0.3.1")) as socket,
    ):
        start = {"type": "start", **admission.body(admission.BRIEF)}
        held = await _fill(http)
        await socket.send_json({"id": "full", **start})
        said = await socket.receive_json()
        assert (said["type"], said["id"], said["code"]) == ("rejected", "full", "queue_full")
        assert said["retryable"]
        assert said["retry_after_ms"] >= 1000
        await _stop(http, held)
        async with asyncio.timeout(PATIENCE):
            while said["type"] != "rejected" or said["id"] != "often":
                await socket.send_json({"id": "often", "type": "start", **admission.body(admission.INSTANT)})
                while (said := await socket.receive_json())["type"] not in {"complete", "rejected"}:
                    pass
        assert said["code"] == "rate_limit"
        assert 0 < said["retry_after_ms"] <= 1000
        await socket.send_json({"type": "ping", "id": 1})
        assert (await socket.receive_json())["type"] == "pong"
        await asyncio.sleep(said["retry_after_ms"] / 1000)
        await socket.send_json({"id": "again", **start})
        kinds: list[str] = []
        async with asyncio.timeout(PATIENCE):
            while not kinds or kinds[-1] != "complete":
                kinds.append((await socket.receive_json())["type"])
        assert "rejected" not in kinds
        assert "ack" in kinds
    async with aiohttp.ClientSession() as http:
        assert busy(await until_idle(http, narrow.address)) == {}
