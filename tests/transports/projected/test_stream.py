"""The frames of projected events."""

import asyncio
from collections.abc import Sequence

import orjson
import pytest
from aiohttp import ClientPayloadError
from hypothesis import given, settings

from gateway.dialects.base import ProjectedEvent, ResponseIdentity
from gateway.generation.event_log import Entry, EventLog
from gateway.protocol.errors import Code, Failed
from gateway.protocol.events import Chunk, TextBatch, Usage
from tests.gateway.dialects.generated import Answer, Style, answers, encode, styles
from tests.gateway.dialects.pairs import NAMES, project, start_of
from tests.gateway.dialects.recording import GENERATION_ID, record
from tests.gateway.dialects.tables import MODEL_APIS
from tests.gateway.upstreams.transcripts.case import FORMATS, Api
from tests.served.clients import protocols
from tests.served.gateway import Served
from tests.served.viewers import until
from transports.projected.stream import NumberedFraming, ProjectedFraming, event_frame

__all__ = ["protocols"]

IDENTITY = ResponseIdentity(GENERATION_ID, "m", 1_700_000_000)
ARRAY = "/v1beta/models/m:streamGenerateContent"
BODY = {"contents": [{"parts": [{"text": "Hello"}]}]}


def test_an_event_has_its_name_only_where_the_api_has_one() -> None:
    assert event_frame(ProjectedEvent(b'{"a":1}')) == b'data: {"a":1}\n\n'
    assert event_frame(ProjectedEvent(b'{"type":"ping"}', b"ping")) == b'event: ping\ndata: {"type":"ping"}\n\n'


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("api", FORMATS)
@settings(max_examples=15)
@given(answer=answers, style=styles)
def test_the_short_way_of_text_brings_the_same_frames(name: str, api: Api, answer: Answer, style: Style) -> None:
    start, dialect = start_of(name), MODEL_APIS[name]
    entries = asyncio.run(record(FORMATS[api](), encode(api, answer, style), start))
    framing = ProjectedFraming(dialect, dialect.projection(start, IDENTITY))
    assert b"".join(framing.frame("g", entry) for entry in entries) == b"".join(
        map(event_frame, project(name, start, entries)[0])
    )


async def test_items_of_an_array_come_as_they_are_written(served: Served) -> None:
    task = asyncio.ensure_future(served.http.post(ARRAY, json=BODY).__aenter__())
    await served.called()
    served.upstream.last.send("Xin ")
    async with await task as response:
        assert response.headers["Content-Type"] == "application/json"
        body = await response.content.readany()
        assert body.startswith(b'[{"candidates":')
        await until(lambda: served.only.log.readers > 0)
        served.clock.advance(15)
        body += (heartbeat := await response.content.readany())
        assert heartbeat == b"\n"
        served.upstream.last.send("chào")
        served.upstream.last.finish(usage=Usage(5, 3, "exact"))
        body += await response.read()
    first, second, last = orjson.loads(body)
    assert [each["candidates"][0]["content"]["parts"] for each in (first, second)] == [
        [{"text": "Xin "}],
        [{"text": "chào"}],
    ]
    assert last["usageMetadata"]["totalTokenCount"] == 8


async def test_an_array_that_is_cut_has_no_end(served: Served) -> None:
    task = asyncio.ensure_future(served.http.post(ARRAY, json=BODY).__aenter__())
    await served.called()
    served.upstream.last.send("Xin ")
    async with await task as response:
        served.upstream.last.fail(Failed(Code.TRUNCATED, "It ended early."))
        body = b""
        with pytest.raises(ClientPayloadError):
            async for data in response.content.iter_any():
                body += data
    assert not body.endswith(b"]")


async def test_an_event_stream_for_googles_libraries_has_only_data_and_empty_lines(served: Served) -> None:
    task = asyncio.ensure_future(served.http.post(f"{ARRAY}?alt=sse", json=BODY).__aenter__())
    await served.called()
    await until(lambda: served.only.log.readers > 0)
    served.clock.advance(15)
    async with await task as response:
        await until(lambda: served.only.log.readers > 0)
        served.clock.advance(15)
        served.upstream.last.send("x")
        served.upstream.last.finish()
        lines = (await response.read()).split(b"\n")
    assert len(lines) > 4
    assert all(line == b"" or line.startswith(b"data: {") for line in lines)


def test_numbered_events_begin_where_the_client_is() -> None:
    dialect = MODEL_APIS["openai_chat"]

    class Texts:
        is_cut = False

        def project(self, entry: Entry) -> Sequence[ProjectedEvent]:
            return [ProjectedEvent(b'"start"')] * (entry.first == 1) + [ProjectedEvent(orjson.dumps(entry.text))]

    log = EventLog("g")
    log.extend([TextBatch.of(Chunk, ["a", "b", "c"])])
    framing = NumberedFraming(dialect, Texts(), skip=2, event_id=lambda number: b"r@%d" % number)
    assert framing.frame("g", log.since(0)[0]) == b'id: r@2\ndata: "b"\n\nid: r@3\ndata: "c"\n\n'
    assert NumberedFraming(dialect, Texts(), skip=3).frame("g", log.since(0)[0]) == b'data: "c"\n\n'
