"""The simulator as clients of each wire format see it, over real connections on loopback; see also test_server.py."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest

from gateway.simulator import Simulator
from gateway.simulator.request import Turn
from tests.gateway.simulator.formats import FORMATS, Format, Told

ASKED = [Turn("user", "How does a lock in a canal work?")]
LIMIT = 1_000_000
every_format = pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)


class Client:
    """A client of one simulator, in any wire format."""

    def __init__(self, session: aiohttp.ClientSession, origin: str) -> None:
        self._session = session
        self._origin = origin

    async def ask(self, form: Format, settings: str, *, stream: bool = True, **more: object) -> aiohttp.ClientResponse:
        """Post a request; the caller closes what comes back."""
        body = form.body(ASKED, stream=stream, limit=LIMIT) | more
        headers = {**form.headers, "X-Simulate": settings}
        return await self._session.post(self._origin + form.path(stream=stream), json=body, headers=headers)

    async def told(self, form: Format, settings: str) -> Told:
        """Give what a stream tells."""
        async with await self.ask(form, settings) as response:
            assert (response.status, response.content_type) == (200, "text/event-stream")
            return form.stream(await response.read())

    async def send(self, method: str, path: str, **more: Any) -> tuple[int, bytes]:  # noqa: ANN401
        """Send a request and give the status and the body of what comes back."""
        async with self._session.request(method, self._origin + path, **more) as response:
            return response.status, await response.read()

    async def ledger(self, path: str) -> Any:  # noqa: ANN401
        """Read what the simulator has noted."""
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


@every_format
async def test_stream_and_whole_answer_tell_the_same(client: Client, form: Format) -> None:
    settings = "length=120&reasoning=40&tool_calls=2&cached=0.5&seed=3"
    told = await client.told(form, settings)
    assert (len(told.text), len(told.reasoning), len(told.calls), told.finish) == (120, 40, 2, "tool_calls")
    assert told.usage is not None
    assert told.usage[2:] == (4, 10)
    async with await client.ask(form, settings, stream=False) as response:
        assert response.content_type == "application/json"
        assert form.whole(await response.read()) == told


async def test_every_format_tells_the_same_text(client: Client) -> None:
    texts = {(await client.told(form, "length=300&language=vietnamese")).text for form in FORMATS}
    assert len(texts) == 1


@every_format
@pytest.mark.parametrize(("fault", "status"), [("401", 401), ("429&retry_after=7", 429), ("500", 500)])
@pytest.mark.parametrize("stream", [True, False])
async def test_refusal_has_status_and_shape(
    client: Client, form: Format, fault: str, status: int, stream: bool
) -> None:
    async with await client.ask(form, f"fault={fault}", stream=stream) as response:
        assert (response.status, response.content_type) == (status, "application/json")
        body = await response.read()
        in_header = status == 429 and form.name != "generate_content"
        assert response.headers.get("Retry-After") == ("7" if in_header else None)
    assert form.refusal(body)[0] == form.refusals[status]


@every_format
async def test_setting_that_is_wrong_is_refused_in_shape(client: Client, form: Format) -> None:
    async with await client.ask(form, "speed=x") as response:
        assert response.status == 400
        assert "speed" in form.refusal(await response.read())[1]


@every_format
async def test_fault_of_a_stream_needs_a_stream(client: Client, form: Format) -> None:
    async with await client.ask(form, "fault=drop", stream=False) as response:
        assert response.status == 400
        assert "needs a stream" in form.refusal(await response.read())[1]


@every_format
async def test_wrong_body_method_and_model_are_refused_in_shape(client: Client, form: Format) -> None:
    path = form.path(stream=False)
    status, body = await client.send("POST", path, data=b"{", headers=form.headers)
    assert (status, "valid JSON" in form.refusal(body)[1]) == (400, True)
    status, body = await client.send("GET", path)
    assert (status, "Use POST" in form.refusal(body)[1]) == (405, True)
    wrong = form.body(ASKED, stream=False, limit=99)
    if "model" in wrong:
        wrong["model"] = "gpt-9"
    status, body = await client.send("POST", path.replace("sim-instant", "gpt-9"), json=wrong, headers=form.headers)
    assert (status, form.refusal(body)[0]) == (404, form.refusals[404])


@pytest.mark.parametrize(
    ("path", "form"), [("/v1/messages/x", FORMATS[1]), ("/v1beta/x", FORMATS[2]), ("/v1/nowhere", FORMATS[0])]
)
async def test_path_with_nothing_at_it_is_refused_in_shape(client: Client, path: str, form: Format) -> None:
    status, body = await client.send("POST", path)
    assert status == 404
    for known in FORMATS:
        assert known.path(stream=True).replace("sim-instant", "{model}") in form.refusal(body)[1]


@every_format
async def test_drop_is_a_cut_after_what_was_sent(client: Client, form: Format) -> None:
    async with await client.ask(form, "fault=drop&after=3") as response:
        with pytest.raises(aiohttp.ClientPayloadError):
            await response.read()


@every_format
async def test_truncated_stream_ends_cleanly_without_its_end(client: Client, form: Format) -> None:
    told = await client.told(form, "fault=truncate&after=3")
    assert (bool(told.text), told.finish, told.ended) == (True, None, False)


@every_format
async def test_error_ends_the_stream(client: Client, form: Format) -> None:
    told = await client.told(form, "fault=error&after=1")
    assert (told.error, told.finish) == ("The simulated model failed within the stream.", None)


@every_format
@pytest.mark.parametrize("fault", ["garbage", "hugeline", "trickle"])
async def test_odd_stream_goes_on_to_its_end(client: Client, form: Format, fault: str) -> None:
    told = await client.told(form, f"fault={fault}&after=2&length=40")
    assert (told.finish, told.ended) == ("stop", True)
    assert (told.broken, len(told.text) > 4 * 1024 * 1024) == (fault == "garbage", fault == "hugeline")


@every_format
async def test_html_page_comes_with_status_200(client: Client, form: Format) -> None:
    async with await client.ask(form, "fault=html") as response:
        assert (response.status, response.content_type) == (200, "text/html")


@every_format
async def test_refused_connection_is_reset(client: Client, form: Format) -> None:
    with pytest.raises(aiohttp.ClientOSError, match="reset"):
        await client.ask(form, "fault=refuse")


@every_format
async def test_hang_up_is_noted_with_the_answers_id(client: Client, form: Format) -> None:
    async with await client.ask(form, "fault=stall&after=2") as response:
        await response.content.readany()
        identity = response.headers["X-Request-Id"]
        response.close()
    async with asyncio.timeout(5):
        while not (closes := await client.ledger("/closes")):
            pass
    # Gemini's streams begin with text; those of the others with a frame that has none.
    chunks = 2 if form.name == "generate_content" else 3
    assert [(close["id"], close["chunks"]) for close in closes] == [(identity, chunks)]
    stats = await client.ledger("/stats")
    assert (stats["requests"], stats["running"], stats["hung_up"]) == (1, 0, 1)


@pytest.mark.parametrize("version", ["v1", "v1beta"])
async def test_settings_in_the_path_are_read(client: Client, version: str) -> None:
    form = FORMATS[2]
    model = quote("sim-instant?length=33&language=emoji", safe="")
    body = form.body(ASKED, stream=False, limit=LIMIT)
    status, data = await client.send("POST", f"/{version}/models/{model}:generateContent", json=body)
    assert (status, len(form.whole(data).text)) == (200, 33)


async def test_version_of_messages_is_asked_for(client: Client) -> None:
    form = FORMATS[1]
    status, body = await client.send("POST", "/v1/messages", json=form.body(ASKED, stream=True, limit=9))
    assert (status, form.refusal(body)[0]) == (400, "invalid_request_error")


async def test_stop_sequence_is_named(client: Client) -> None:
    async with await client.ask(FORMATS[1], "", stream=False, stop_sequences=["canal"]) as response:
        body = await response.json()
    assert (body["stop_reason"], body["stop_sequence"]) == ("stop_sequence", "canal")
