"""The server over real connections on loopback, with a client of each wire format; see also test_server.py."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest

from gateway.simulator import Simulator
from gateway.simulator.request import Turn
from tests.gateway.simulator.format_clients import CLIENTS, FormatClient, ParsedResponse

TURNS = [Turn("user", "How does a lock in a canal work?")]
LIMIT = 1_000_000
each_format = pytest.mark.parametrize("api", CLIENTS, ids=lambda api: api.name)


class Client:
    """A client of one simulator, in any wire format."""

    def __init__(self, session: aiohttp.ClientSession, origin: str) -> None:
        self._session = session
        self._origin = origin

    async def post(
        self, api: FormatClient, settings: str, *, stream: bool = True, **more: object
    ) -> aiohttp.ClientResponse:
        """Post a request; the caller closes the response."""
        body = api.request_body(TURNS, stream=stream, limit=LIMIT) | more
        headers = {**api.headers, "X-Simulate": settings}
        return await self._session.post(self._origin + api.path(stream=stream), json=body, headers=headers)

    async def parse_stream(self, api: FormatClient, settings: str) -> ParsedResponse:
        """Post a request and parse its stream."""
        async with await self.post(api, settings) as response:
            assert (response.status, response.content_type) == (200, "text/event-stream")
            return api.parse_stream(await response.read())

    async def send(self, method: str, path: str, **more: Any) -> tuple[int, bytes]:  # noqa: ANN401
        """Send a request; return the status and the body of the response."""
        async with self._session.request(method, self._origin + path, **more) as response:
            return response.status, await response.read()

    async def get_json(self, path: str) -> Any:  # noqa: ANN401
        """Return the JSON at a path."""
        async with self._session.get(self._origin + path) as response:
            return await response.json()


@pytest.fixture
async def client(caplog: pytest.LogCaptureFixture) -> AsyncIterator[Client]:
    simulator = Simulator()
    await simulator.start()
    async with aiohttp.ClientSession() as session:
        yield Client(session, simulator.origin)
    await simulator.stop()
    assert caplog.get_records("call") == []


@each_format
async def test_stream_and_whole_response_have_the_same_content(client: Client, api: FormatClient) -> None:
    settings = "length=120&reasoning=40&tool_calls=2&cached=0.5&seed=3"
    parsed = await client.parse_stream(api, settings)
    assert (len(parsed.text), len(parsed.reasoning), len(parsed.calls), parsed.finish) == (120, 40, 2, "tool_calls")
    assert parsed.usage is not None
    assert parsed.usage[2:] == (4, 10)
    async with await client.post(api, settings, stream=False) as response:
        assert response.content_type == "application/json"
        assert api.parse_response(await response.read()) == parsed


async def test_each_format_has_the_same_text(client: Client) -> None:
    texts = {(await client.parse_stream(api, "length=300&language=vietnamese")).text for api in CLIENTS}
    assert len(texts) == 1


@each_format
@pytest.mark.parametrize(("fault", "status"), [("401", 401), ("429&retry_after=7", 429), ("500", 500)])
@pytest.mark.parametrize("stream", [True, False])
async def test_error_has_its_status_and_body(
    client: Client, api: FormatClient, fault: str, status: int, stream: bool
) -> None:
    async with await client.post(api, f"fault={fault}", stream=stream) as response:
        assert (response.status, response.content_type) == (status, "application/json")
        body = await response.read()
        in_header = status == 429 and api.name != "generate_content"
        assert response.headers.get("Retry-After") == ("7" if in_header else None)
    assert api.parse_error(body)[0] == api.error_types[status]


@each_format
async def test_setting_that_is_not_valid_gets_an_error_body(client: Client, api: FormatClient) -> None:
    async with await client.post(api, "speed=x") as response:
        assert response.status == 400
        assert "speed" in api.parse_error(await response.read())[1]


@each_format
async def test_fault_of_a_stream_needs_a_stream(client: Client, api: FormatClient) -> None:
    async with await client.post(api, "fault=drop", stream=False) as response:
        assert response.status == 400
        assert "needs a stream" in api.parse_error(await response.read())[1]


@each_format
async def test_wrong_body_method_and_model_get_an_error_body(client: Client, api: FormatClient) -> None:
    path = api.path(stream=False)
    status, body = await client.send("POST", path, data=b"{", headers=api.headers)
    assert (status, "valid JSON" in api.parse_error(body)[1]) == (400, True)
    status, body = await client.send("GET", path)
    assert (status, "Use POST" in api.parse_error(body)[1]) == (405, True)
    wrong = api.request_body(TURNS, stream=False, limit=99)
    if "model" in wrong:
        wrong["model"] = "gpt-9"
    status, body = await client.send("POST", path.replace("sim-instant", "gpt-9"), json=wrong, headers=api.headers)
    assert (status, api.parse_error(body)[0]) == (404, api.error_types[404])


@pytest.mark.parametrize(
    ("path", "api"), [("/v1/messages/x", CLIENTS[1]), ("/v1beta/x", CLIENTS[2]), ("/v1/nowhere", CLIENTS[0])]
)
async def test_unknown_path_gets_an_error_body(client: Client, path: str, api: FormatClient) -> None:
    status, body = await client.send("POST", path)
    assert status == 404
    for known in CLIENTS:
        assert known.path(stream=True).replace("sim-instant", "{model}") in api.parse_error(body)[1]


@each_format
async def test_drop_is_a_cut_after_what_was_sent(client: Client, api: FormatClient) -> None:
    async with await client.post(api, "fault=drop&after=3") as response:
        with pytest.raises(aiohttp.ClientPayloadError):
            await response.read()


@each_format
async def test_truncated_stream_ends_cleanly_without_its_end(client: Client, api: FormatClient) -> None:
    parsed = await client.parse_stream(api, "fault=truncate&after=3")
    assert (bool(parsed.text), parsed.finish, parsed.ended) == (True, None, False)


@each_format
async def test_error_ends_the_stream(client: Client, api: FormatClient) -> None:
    parsed = await client.parse_stream(api, "fault=error&after=1")
    assert (parsed.error, parsed.finish) == ("The simulated model failed within the stream.", None)


@each_format
@pytest.mark.parametrize("fault", ["garbage", "hugeline", "trickle"])
async def test_stream_continues_after_these_faults(client: Client, api: FormatClient, fault: str) -> None:
    parsed = await client.parse_stream(api, f"fault={fault}&after=2&length=40")
    assert (parsed.finish, parsed.ended) == ("stop", True)
    assert (parsed.malformed, len(parsed.text) > 4 * 1024 * 1024) == (fault == "garbage", fault == "hugeline")


@each_format
async def test_html_page_comes_with_status_200(client: Client, api: FormatClient) -> None:
    async with await client.post(api, "fault=html") as response:
        assert (response.status, response.content_type) == (200, "text/html")


@each_format
async def test_refused_connection_is_reset(client: Client, api: FormatClient) -> None:
    with pytest.raises(aiohttp.ClientOSError, match="reset"):
        await client.post(api, "fault=refuse")


@each_format
async def test_early_close_is_recorded_with_the_id_of_the_response(client: Client, api: FormatClient) -> None:
    async with await client.post(api, "fault=stall&after=2") as response:
        await response.content.readany()
        identity = response.headers["X-Request-Id"]
        response.close()
    async with asyncio.timeout(5):
        while not (closes := await client.get_json("/closes")):
            pass
    # Gemini's streams begin with text, those of the others with an event without text.
    chunks = 2 if api.name == "generate_content" else 3
    assert [(close["id"], close["chunks"]) for close in closes] == [(identity, chunks)]
    stats = await client.get_json("/stats")
    assert (stats["requests"], stats["running"], stats["hung_up"]) == (1, 0, 1)


@pytest.mark.parametrize("version", ["v1", "v1beta"])
async def test_settings_in_the_path_are_parsed(client: Client, version: str) -> None:
    api = CLIENTS[2]
    model = quote("sim-instant?length=33&language=emoji", safe="")
    body = api.request_body(TURNS, stream=False, limit=LIMIT)
    status, data = await client.send("POST", f"/{version}/models/{model}:generateContent", json=body)
    assert (status, len(api.parse_response(data).text)) == (200, 33)


async def test_version_of_messages_is_required(client: Client) -> None:
    api = CLIENTS[1]
    status, body = await client.send("POST", "/v1/messages", json=api.request_body(TURNS, stream=True, limit=9))
    assert (status, api.parse_error(body)[0]) == (400, "invalid_request_error")


async def test_stop_sequence_is_in_the_response(client: Client) -> None:
    async with await client.post(CLIENTS[1], "", stream=False, stop_sequences=["canal"]) as response:
        body = await response.json()
    assert (body["stop_reason"], body["stop_sequence"]) == ("stop_sequence", "canal")
