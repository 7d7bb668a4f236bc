"""The client: addresses, starts, and what it closes."""

import asyncio

import pytest
from aiohttp.test_utils import TestServer
from yarl import URL

from gateway.client import Client, Retries, TransportName
from gateway.protocol.errors import Code, Failed, Refused
from tests.gateway.client.fake_gateway import (
    CLOSE,
    COMPLETE,
    HOLD,
    ID,
    STREAMS,
    TRANSPORTS,
    FakeGateway,
    listen,
    log_of,
    read_all,
)
from tests.served.viewers import until


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_start_brings_every_event_once_in_order(servers: list[TestServer], transport: TransportName) -> None:
    harness = await listen(servers, FakeGateway(log_of("Xin ", "chào ", "👋🏽")))
    async with harness.client(transport) as client:
        answer = await client.start("hi", model="m", options={"max_tokens": 5}, idempotency_key="k")
        assert await read_all(answer) == harness.gateway.log
    body = {"messages": [{"role": "user", "content": "hi"}], "model": "m", "options": {"max_tokens": 5}}
    assert harness.gateway.starts == [("k", body)]
    assert (answer.text, answer.seq, answer.position, answer.state) == ("Xin chào 👋🏽", 6, f"{ID}:6", "complete")
    assert answer.terminal == COMPLETE
    assert (answer.id, answer.attachments) == (ID, 0)


@pytest.mark.parametrize("transport", STREAMS)
async def test_a_start_without_acceptance_is_repeated_with_its_key(
    servers: list[TestServer], transport: TransportName
) -> None:
    refusals = [Refused(Code.QUEUE_FULL, "Full.", retry_after_ms=1000)]
    harness = await listen(servers, FakeGateway(log_of("a"), [[CLOSE], []], refusals))
    async with harness.client(transport) as client:
        assert await read_all(await client.start("hi")) == harness.gateway.log
    keys = {key for key, _body in harness.gateway.starts}
    assert (len(harness.gateway.starts), len(keys)) == (3, 1)
    assert harness.waits == [1.2, 0.4]
    assert harness.notices[0].reason == "Full."


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_final_refusal_is_raised_with_its_fields(servers: list[TestServer], transport: TransportName) -> None:
    harness = await listen(
        servers, FakeGateway(log_of(), refusals=[Refused(Code.MODEL_NOT_FOUND, "No.", param="model")])
    )
    async with harness.client(transport) as client:
        with pytest.raises(Refused) as raised:
            await client.start("hi", model="nope")
        if transport == "ws":
            await asyncio.wait_for(harness.gateway.gone.wait(), 5)
    assert (raised.value.code, raised.value.message, raised.value.param) == (Code.MODEL_NOT_FOUND, "No.", "model")
    assert len(harness.gateway.starts) == 1


async def test_a_position_of_another_generation_is_refused(servers: list[TestServer]) -> None:
    harness = await listen(servers, FakeGateway(log_of("a")))
    async with harness.client("sse") as client:
        with pytest.raises(Refused, match="another generation's position"):
            client.attach(ID, after="g_other:4")


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_leaving_the_client_closes_its_connections(servers: list[TestServer], transport: TransportName) -> None:
    harness = await listen(servers, FakeGateway(log_of("a"), [[1, 2, 3, HOLD]]))
    before = asyncio.all_tasks()
    async with harness.client(transport) as client:
        answer = await client.start("hi")
        reading = asyncio.create_task(read_all(answer))
        await asyncio.wait([reading], timeout=0)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
    mine = [task for task in asyncio.all_tasks() - before if "dualstream" in task.get_name()]
    assert mine == []
    await asyncio.wait_for(harness.gateway.gone.wait(), 5)


@pytest.mark.parametrize("transport", STREAMS)
async def test_a_start_that_is_cancelled_leaves_no_connection(
    servers: list[TestServer], transport: TransportName
) -> None:
    harness = await listen(servers, FakeGateway(log_of("a"), [[HOLD]]))
    async with harness.client(transport) as client:
        starting = asyncio.create_task(client.start("hi"))
        await until(lambda: harness.gateway.starts)
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting
        await asyncio.wait_for(harness.gateway.gone.wait(), 5)


@pytest.mark.parametrize("url", ["ftp://127.0.0.1", "http://", ""])
def test_an_invalid_address_is_refused(url: str) -> None:
    with pytest.raises(Refused, match="address of a gateway"):
        Client(url)


async def test_a_client_opens_with_its_first_use_and_is_closed_once(servers: list[TestServer]) -> None:
    harness = await listen(servers, FakeGateway(log_of("a")))
    client = harness.client("sse")
    assert await (await client.start("hi")).read() == "a"
    await client.aclose()
    await client.aclose()
    with pytest.raises(RuntimeError, match="closed"):
        await client.start("hi")


async def test_a_client_belongs_to_one_event_loop(servers: list[TestServer]) -> None:
    harness = await listen(servers, FakeGateway(log_of("a")))
    async with harness.client("sse") as client:

        async def use() -> None:
            client.attach(ID)

        with pytest.raises(RuntimeError, match="another event loop"):
            await asyncio.to_thread(asyncio.run, use())


@pytest.mark.parametrize("generation", ["", "..", "a/../../x", "a\n"])
async def test_an_id_is_one_segment_of_a_path(generation: str) -> None:
    async with Client("http://127.0.0.1:1") as client:
        with pytest.raises(Refused, match="not the id of a generation"):
            client.attach(generation)


async def test_a_position_names_its_generation(servers: list[TestServer]) -> None:
    harness = await listen(servers, FakeGateway(log_of("a", "b")))
    async with harness.client("sse") as client:
        answer = client.attach(f"{ID}:3")
        assert await answer.read() == "b"
    assert harness.gateway.attached == [3]
    assert (answer.id, answer.position, repr(answer)) == (ID, f"{ID}:5", f"<AsyncAnswer {ID}:5 complete>")


def test_an_unknown_transport_is_refused_by_the_constructor() -> None:
    with pytest.raises(ValueError, match="'websocket' is unknown; use one of: sse, ws"):
        Client("http://127.0.0.1:1", transport="websocket")  # type: ignore[arg-type]


@pytest.mark.parametrize("seconds", [0, -1, float("inf"), float("nan"), None, "5"])
@pytest.mark.parametrize("name", ["connect_s", "idle_s"])
def test_a_time_limit_is_a_finite_number_above_zero(name: str, seconds: object) -> None:
    with pytest.raises(ValueError, match=f"{name}: .* is not a number of seconds"):
        Client("http://127.0.0.1:1", **{name: seconds})  # type: ignore[arg-type]


async def test_the_password_of_an_address_is_sent_and_never_shown(servers: list[TestServer]) -> None:
    harness = await listen(servers, FakeGateway(log_of("a")))
    url = str(URL(harness.url).with_user("me").with_password("hunter2"))
    async with Client(url) as client:
        await (await client.start("hi")).read()
    assert [headers["Authorization"] for headers in harness.gateway.headers] == ["Basic bWU6aHVudGVyMg=="]
    async with Client("http://me:hunter2@127.0.0.1:1", retries=Retries(start_failures=1)) as client:
        with pytest.raises(Failed) as caught:
            await client.start("hi")
        assert "hunter2" not in f"{client!r} {client.url} {caught.value}"


@pytest.mark.parametrize("given", [None, 5, "", "two words"])
async def test_a_function_that_returns_no_token_is_an_error(given: object) -> None:
    async with Client("http://127.0.0.1:1", token=lambda: given) as client:  # type: ignore[arg-type]
        with pytest.raises(Refused, match="a token is a non-empty text"):
            await client.start("hi")
