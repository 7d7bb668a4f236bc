"""Ends of a response that no end of the log stands for: it was steered, or its lost connection is not shown."""

import orjson
import pytest

from gateway.dialects.base import Call, DialectStart, ResponseIdentity
from gateway.dialects.openai_responses.projection import OpenAIResponsesProjection
from gateway.generation.event_log import EventLog
from gateway.protocol.events import Chunk, Error, Metrics, Revision, Start, ToolCall, Usage
from tests.start_requests import start_request

METRICS = Metrics("r", 1.5, 2.5, 0.0, 1, 2, 2, None, 1, 1)
CUT = Error("truncated", "The provider broke off.", True, None, True, Usage(1, 2, "exact"), None, METRICS)
START = Start("p", "m", 1, 1)


def projected(*events: Start | Chunk | ToolCall | Revision | Error) -> OpenAIResponsesProjection:
    """Return a projection that has projected these events."""
    log = EventLog("g_x")
    for event in events:
        log.add(event)
    projection = OpenAIResponsesProjection(
        DialectStart(start_request(), stream=True, call=Call({})), ResponseIdentity("g_x", "m", 7)
    )
    for entry in log.since(0):
        projection.project(entry)
    return projection


@pytest.mark.parametrize("events", [(), (START,), (START, Chunk("a")), (START, ToolCall(0, "c", "f", "{"))])
def test_a_steered_response_is_incomplete(events: tuple[Start | Chunk | ToolCall, ...]) -> None:
    projection = projected(*events)
    last = orjson.loads(projection.end_steered()[-1].data)
    assert last["type"] == "response.incomplete"
    assert last["response"]["incomplete_details"] == {"reason": "steered"}
    assert last["response"] == projection.response()
    assert last["sequence_number"] == projection.last_number
    # A call that was not complete must not be carried out.
    assert [item["type"] for item in last["response"]["output"]] == ["message"] * (Chunk("a") in events)


@pytest.mark.parametrize(
    ("events", "message"),
    [
        ((START, Chunk("a"), CUT), "The provider broke off."),
        ((START, Chunk("a"), Revision(2, None, None, "failover")), "The provider failed in mid-answer; ask again."),
    ],
)
def test_a_response_that_was_cut_off_is_failed(
    events: tuple[Start | Chunk | Revision | Error, ...], message: str
) -> None:
    projection = projected(*events)
    assert projection.is_cut
    last = orjson.loads(projection.end_cut()[-1].data)
    assert last["type"] == "response.failed"
    assert last["response"]["error"] == {"code": "server_error", "message": message}


def test_the_number_of_the_last_event() -> None:
    assert projected().last_number == 0
    # created, in_progress, output_item.added, content_part.added, delta
    assert projected(START, Chunk("a")).last_number == 4
