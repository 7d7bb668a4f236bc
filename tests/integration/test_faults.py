"""Fault injection: what the client gets on both transports, and what is left afterwards. See reliability.md."""

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
from tests.integration.faults import admission, clients, draining, many_clients, proxy, runner, upstream
from tests.integration.faults.case import Case
from tests.integration.faults.cases import CASES, SETUPS
from tests.integration.faults.page import PAGE, SOAK
from tests.integration.faults.proxy import Proxy
from tests.integration.faults.replay import log_problems
from tests.integration.faults.scenario import Run
from tests.integration.faults.scenarios import SCENARIOS
from tests.integration.faults.servers import Gateway, calls, gateway, nonzero, stats, until_idle
from tests.integration.servers import simulator_process

TRANSPORTS = runner.TRANSPORTS
TIMEOUT = 30.0
RESPONSE = bytes(range(256)) * 40


# The runner.


@pytest.fixture(scope="module")
def results() -> runner.Results:
    return asyncio.run(runner.run())


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_client_gets_what_the_case_expects(results: runner.Results, case: Case, transport: TransportName) -> None:
    assert runner.deviations(case, results.seen[case.name, transport]) == []


def test_nothing_is_left_and_no_errors_are_logged_after_all_cases(results: runner.Results) -> None:
    assert set(results.leftover) == {setup.name for setup in SETUPS}
    assert not any(results.leftover.values()), results.leftover
    assert not any(results.log_errors.values()), results.log_errors


def test_the_cases_cover_every_fault_and_every_mode() -> None:
    assert len({case.name for case in CASES}) == len(CASES)
    simulated = {fault for fault in get_args(Fault) for case in CASES if f"fault={fault}" in f"{case.model}&"}
    assert simulated == set(get_args(Fault))
    assert {type(mode) for case in CASES for mode in case.modes} == set(get_args(proxy.Mode))


def test_an_expectation_can_fail(results: runner.Results) -> None:
    (case,) = (case for case in CASES if case.name == "drop")
    observed = results.seen["drop", "sse"]
    for changed in (
        replace(case, calls=2),
        replace(case, ended_by="client"),
        replace(case, expected=replace(case.expected, code=Code.STALLED)),
        replace(case, expected=replace(case.expected, code=None)),
        replace(case, expected=replace(case.expected, retryable=False)),
        replace(case, expected=replace(case.expected, partial=False)),
        replace(case, expected=replace(case.expected, text="whole")),
        replace(case, expected=replace(case.expected, retried=[Code.TRUNCATED])),
        replace(case, expected=replace(case.expected, min_longest_wait_ms=1)),
    ):
        assert runner.deviations(changed, observed), changed
    assert runner.deviations(case, replace(observed, text=observed.text[1:]))
    assert runner.deviations(case, replace(observed, attachments=1))


def test_problems_of_a_log_are_found() -> None:
    begin: dict[str, object] = {"type": "accepted", "seq": 1}
    end: dict[str, object] = {"type": "complete", "seq": 3}
    assert log_problems([begin, {"type": "chunk", "seq": 2}, end]) == []
    assert log_problems([begin, {"type": "start", "seq": 3}, {**end, "seq": 4}])
    assert log_problems([begin, {"type": "chunk", "seq": 2}, {"type": "chunk", "seq": 2}, end])
    assert log_problems([begin, {**end, "seq": 2}, end])
    assert log_problems([begin, {**end, "seq": 2}, {"type": "chunk", "seq": 3}])
    assert log_problems([begin])
    assert log_problems([end])


def test_the_page_shows_every_case() -> None:
    page = PAGE.read_text("utf-8")
    for case in CASES:
        assert f"| {case.name} |" in page, f"{case.name}: make faults writes the page"
    assert SOAK in page, "make soak writes its section"


# Scenarios.


@pytest.mark.parametrize("scenario", [run for runs in SCENARIOS.values() for run in runs], ids=lambda run: run.__name__)
async def test_a_bad_day_ends_as_it_should(scenario: Run) -> None:
    seen = await (many_clients.leave_the_queue(500) if scenario is many_clients.leave_the_queue else scenario())
    if seen.skipped:
        pytest.skip(seen.skipped)
    assert seen.deviations == []


# The proxy itself.


@asynccontextmanager
async def proxy_of_a_server(*modes: proxy.Mode) -> AsyncIterator[tuple[Proxy, list[bytes]]]:
    """Run a proxy of a server that reads five bytes, responds and does not close; yield it and what the server read."""
    received: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            received.append(await reader.readexactly(5))
            writer.write(RESPONSE)
            await reader.read()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        async with asyncio.timeout(TIMEOUT):
            async with Proxy(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", *modes) as fault_proxy:
                yield fault_proxy, received
    finally:
        server.close()


async def send_request(fault_proxy: Proxy) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(fault_proxy.address.rpartition(":")[2]))
    writer.write(b"hello")
    return reader, writer


@pytest.mark.parametrize(
    "mode", [proxy.Pass(), proxy.Latency(0.05), proxy.ByteByByte(), proxy.Bandwidth(100_000)], ids=repr
)
async def test_a_proxy_without_a_fault_forwards_everything(mode: proxy.Mode) -> None:
    async with proxy_of_a_server(mode) as (fault_proxy, received):
        loop = asyncio.get_running_loop()
        started_at = loop.time()
        reader, writer = await send_request(fault_proxy)
        assert await reader.readexactly(len(RESPONSE)) == RESPONSE
        took = loop.time() - started_at
        assert received == [b"hello"]
        writer.close()
        while fault_proxy.connections[0].ended_by is None:
            await asyncio.sleep(0)
        assert fault_proxy.connections[0].ended_by == "client"
        assert fault_proxy.connections[0].response_bytes == len(RESPONSE)
        # Never faster than configured; how much slower depends on the machine.
        if isinstance(mode, proxy.Latency):
            assert took >= 0.1
        if isinstance(mode, proxy.Bandwidth):
            assert took >= 0.05


async def test_a_reset_comes_after_the_configured_bytes() -> None:
    async with proxy_of_a_server(proxy.Reset(100), proxy.Reset()) as (fault_proxy, received):
        for expected in (RESPONSE[:100], b""):
            reader, _ = await send_request(fault_proxy)
            read = b""
            with pytest.raises(ConnectionResetError):
                while True:
                    read += await reader.readexactly(1)
            assert read == expected
        assert [connection.ended_by for connection in fault_proxy.connections] == ["proxy", "proxy"]
        assert [connection.calls(b"hello") for connection in fault_proxy.connections] == [1, 1]
        assert received[0] == b"hello"


async def test_a_half_close_ends_one_direction_cleanly() -> None:
    async with proxy_of_a_server(proxy.HalfClose(100)) as (fault_proxy, _):
        reader, writer = await send_request(fault_proxy)
        assert await reader.read() == RESPONSE[:100]
        writer.write(b"still there")
        while b"still there" not in fault_proxy.connections[0].sent:
            await asyncio.sleep(0)
        writer.close()


async def test_a_black_hole_reads_everything_and_forwards_nothing() -> None:
    async with proxy_of_a_server(proxy.BlackHole(), proxy.BlackHole(100)) as (fault_proxy, received):
        reader, writer = await send_request(fault_proxy)
        while not fault_proxy.connections[0].sent:
            await asyncio.sleep(0)
        assert received == []
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.05)
        writer.close()
        reader, writer = await send_request(fault_proxy)
        assert await reader.readexactly(100) == RESPONSE[:100]
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.05)
        writer.close()
        while fault_proxy.connections[1].ended_by is None:
            await asyncio.sleep(0)


async def test_a_port_can_be_closed_have_a_full_backlog_and_be_opened_again() -> None:
    async with proxy_of_a_server(proxy.Refuse()) as (fault_proxy, _):
        address = fault_proxy.address
        with pytest.raises(ConnectionRefusedError):
            await send_request(fault_proxy)
        await fault_proxy.set_modes(proxy.FullBacklog())
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(send_request(fault_proxy), 0.1)
        await fault_proxy.set_modes(proxy.Pass())
        assert fault_proxy.address == address
        reader, _ = await send_request(fault_proxy)
        assert await reader.readexactly(3) == RESPONSE[:3]
        assert fault_proxy.reset_all() == 1
        with pytest.raises(ConnectionResetError):
            while await reader.read(1 << 20):
                pass


# Clients that die or do not read.


@pytest.fixture(scope="module")
def simulator() -> Iterator[str]:
    with simulator_process() as address:
        yield address


@pytest.fixture
def short_grace(simulator: str) -> Iterator[Gateway]:
    settings = {
        "DUALSTREAM_GRACE": "1",
        "DUALSTREAM_MAX_CONCURRENT": "0",
        "DUALSTREAM_VIEWER_TIMEOUT": "1",
        "DUALSTREAM_MAX_OUTPUT_BYTES": str(clients.LARGE_OUTPUT_BYTES),
    }
    with gateway(simulator, settings) as running:
        yield running
        assert running.log_errors() == []


async def test_half_of_the_clients_can_be_killed_at_once(short_grace: Gateway, simulator: str) -> None:
    seen = await clients.kill_half(short_grace, simulator, 50)
    assert (seen.killed, seen.survivors) == (50, 50)
    assert seen.deviations() == []


async def test_a_client_that_does_not_read_is_disconnected_and_can_resume(short_grace: Gateway, simulator: str) -> None:
    for transport in TRANSPORTS:
        seen = await clients.does_not_read(short_grace, simulator, transport)
        # The timeout of a second may have started a little before our measurement.
        assert seen.after_s > 0.5, seen
        assert seen.deviations() == []


# An upstream that dies, and one that always fails.


async def test_an_upstream_that_was_killed_is_not_called_then_probed_then_used_again() -> None:
    seen = await upstream.recovery(2)
    assert seen.deviations() == []


async def test_the_retry_budget_limits_the_calls_of_a_failing_upstream() -> None:
    seen = await upstream.retry_budget(50)
    # Ten retries and one for each five first calls; four attempts each would be 200 calls.
    assert seen.deviations() == []


async def test_a_call_that_breaks_is_not_repeated_on_every_kept_connection(simulator: str) -> None:
    """A server that dies during a call looks like one that has closed an idle connection: both break the call."""
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


async def test_a_drain_waits_until_its_deadline_and_then_ends_the_rest() -> None:
    seen = await draining.drain(10, 10, 3)
    assert seen.deviations(10, 10, 3) == []


# Fairness and limits.


async def test_one_principal_with_a_hundred_waiting_does_not_starve_one_with_one(simulator: str) -> None:
    settings = {"DUALSTREAM_MAX_CONCURRENT": "1", "DUALSTREAM_TRUSTED_PROXIES": "127.0.0.1"}
    with gateway(simulator, settings) as running:
        for transport in TRANSPORTS:
            seen = await admission.fairness(running, transport, 100)
            assert seen.deviations() == []
        assert running.log_errors() == []


async def test_the_rate_limit_is_exact_and_advises_when_to_retry(simulator: str) -> None:
    settings = {
        "DUALSTREAM_RATE_LIMIT_PER_MINUTE": "600",
        "DUALSTREAM_RATE_LIMIT_BURST": "20",
        "DUALSTREAM_TRUSTED_PROXIES": "127.0.0.1",
    }
    with gateway(simulator, settings) as running:
        for seen in await asyncio.gather(
            *(admission.limiter(running, transport, 600, 20, 4) for transport in TRANSPORTS)
        ):
            assert seen.deviations() == []
        assert running.log_errors() == []


@pytest.fixture
def one_slot(simulator: str) -> Iterator[Gateway]:
    """One slot, and a queue of two."""
    settings = {
        "DUALSTREAM_MAX_CONCURRENT": "1",
        "DUALSTREAM_MAX_QUEUE": "2",
        "DUALSTREAM_RATE_LIMIT_PER_MINUTE": "60",
        "DUALSTREAM_RATE_LIMIT_BURST": "10",
        "DUALSTREAM_TRUSTED_PROXIES": "127.0.0.1",
    }
    with gateway(simulator, settings) as running:
        yield running
        assert running.log_errors() == []


async def _until(answer: Answer, kind: type[Event]) -> list[Event]:
    """Read to the next event of a type; return all events read."""
    events: list[Event] = []
    async with asyncio.timeout(TIMEOUT):
        async for event in answer:
            events.append(event)
            if isinstance(event, kind):
                return events
    raise AssertionError(events)


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_queued_client_gets_its_position_and_the_expected_wait(
    one_slot: Gateway, transport: TransportName
) -> None:
    async with Client(one_slot.address, transport=transport) as client, aiohttp.ClientSession() as http:
        # The expected wait needs a first generation: the time that it held its slot.
        await _read(await client.start("Hello", model=admission.BRIEF))
        holder = await client.start("Hello", model=admission.ENDLESS)
        await _until(holder, Start)
        second, third = [await client.start("Hello", model=admission.ENDLESS) for _ in range(2)]
        for position, answer in enumerate((second, third), start=1):
            queued = (await _until(answer, Queued))[-1]
            assert isinstance(queued, Queued)
            assert queued.position == position
            assert isinstance(queued.eta_ms, int)
            assert queued.eta_ms > 0
        assert (await stats(http, one_slot.address))["queued"] == 2
        await holder.interrupt()
        await _until(second, Start)
        queued = (await _until(third, Queued))[-1]
        assert isinstance(queued, Queued)
        assert queued.position == 1
        # It is interrupted in the queue: no upstream is called.
        await third.interrupt()
        rest = await _read(third)
        assert isinstance(rest[-1], Interrupted)
        assert not any(isinstance(event, Start) for event in rest)
        await second.interrupt()
        await asyncio.gather(_read(holder), _read(second))
        assert nonzero(await until_idle(http, one_slot.address)) == {}


async def _fill(http: aiohttp.ClientSession) -> list[str]:
    """Occupy the slot and both places of the queue with other clients; return the generations."""
    held = []
    for number in range(3):
        headers = admission.forwarded_for(f"10.0.9.{number}")
        async with http.post("/api/generations", json=admission.body(admission.ENDLESS), headers=headers) as response:
            assert response.status == 201
            held.append((await response.json())["id"])
    return held


async def _stop(http: aiohttp.ClientSession, held: list[str]) -> None:
    for generation_id in held:
        async with http.post(f"/api/generations/{generation_id}/interrupt") as response:
            assert response.status == 202
    assert nonzero(await until_idle(http, "")) == {}


async def _use_up(http: aiohttp.ClientSession, headers: dict[str, str]) -> tuple[Mapping[str, str], dict[str, object]]:
    """Start generations until the rate limit refuses one; return the headers and the error of that response."""
    async with asyncio.timeout(TIMEOUT):
        while True:
            async with http.post(
                "/api/generations", json=admission.body(admission.INSTANT), headers=headers
            ) as response:
                if response.status == 429:
                    return response.headers, (await response.json())["error"]


async def test_a_refusal_over_http_has_a_reason_and_a_time_to_retry(one_slot: Gateway) -> None:
    async with aiohttp.ClientSession(one_slot.address) as http:
        held = await _fill(http)
        headers, body = admission.forwarded_for("10.0.2.1"), admission.body(admission.BRIEF)
        for path in ("/api/chat/stream", "/api/generations"):
            async with http.post(path, json=body, headers=headers) as response:
                assert response.status == 503
                assert int(response.headers["Retry-After"]) >= 1
                assert response.headers["RateLimit"].startswith('"default";r=')
                error = (await response.json())["error"]
                assert (error["code"], error["retryable"]) == ("queue_full", True)
                # A refused start does not count.
                assert "r=10;" in response.headers["RateLimit"]
        await _stop(http, held)
        headers_of_refusal, error = await _use_up(http, headers)
        assert headers_of_refusal["Retry-After"] == "1"
        assert headers_of_refusal["RateLimit"].startswith('"default";r=0;t=')
        assert headers_of_refusal["X-RateLimit-Limit"] == "60"
        assert headers_of_refusal["X-RateLimit-Remaining"] == "0"
        assert (error["code"], error["retryable"]) == ("rate_limit", True)
        assert 0 < int(str(error["retry_after_ms"])) <= 1000
        stream = ""
        while '"code":"rate_limit"' not in stream:
            # Meanwhile the rate may have added one more start.
            await _use_up(http, headers)
            stream_headers = {**headers, "Accept": "text/event-stream"}
            query = {"prompt": "Hi", "model": admission.INSTANT}
            async with http.get("/api/chat/stream", params=query, headers=stream_headers) as response:
                assert response.status == 200
                stream = await response.text()
        assert "\nretry: " in stream
        assert "\nid:" not in stream
        # Another client has a limit of its own.
        async with http.post("/api/generations", json=body, headers=admission.forwarded_for("10.0.2.2")) as response:
            assert response.status == 201
        assert nonzero(await until_idle(http, "")) == {}


async def test_a_refusal_over_websocket_keeps_the_socket_open(one_slot: Gateway) -> None:
    async with (
        aiohttp.ClientSession(one_slot.address) as http,
        http.ws_connect("/api/ws", headers=admission.forwarded_for("10.0.3.1")) as socket,
    ):
        start = {"type": "start", **admission.body(admission.BRIEF)}
        held = await _fill(http)
        await socket.send_json({"id": "full", **start})
        message = await socket.receive_json()
        assert (message["type"], message["id"], message["code"]) == ("rejected", "full", "queue_full")
        assert message["retryable"]
        assert message["retry_after_ms"] >= 1000
        await _stop(http, held)
        async with asyncio.timeout(TIMEOUT):
            while message["type"] != "rejected" or message["id"] != "often":
                await socket.send_json({"id": "often", "type": "start", **admission.body(admission.INSTANT)})
                while (message := await socket.receive_json())["type"] not in {"complete", "rejected"}:
                    pass
        assert message["code"] == "rate_limit"
        assert 0 < message["retry_after_ms"] <= 1000
        await socket.send_json({"type": "ping", "id": 1})
        assert (await socket.receive_json())["type"] == "pong"
        await asyncio.sleep(message["retry_after_ms"] / 1000)
        await socket.send_json({"id": "again", **start})
        kinds: list[str] = []
        async with asyncio.timeout(TIMEOUT):
            while not kinds or kinds[-1] != "complete":
                kinds.append((await socket.receive_json())["type"])
        assert "rejected" not in kinds
        assert "ack" in kinds
    async with aiohttp.ClientSession() as http:
        assert nonzero(await until_idle(http, one_slot.address)) == {}
