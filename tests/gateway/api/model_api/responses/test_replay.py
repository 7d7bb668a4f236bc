"""The events and the object of a stored response, from any point of its log."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from gateway.api.model_api.responses.replay import (
    Replay,
    document_of,
    entries_of,
    output_items,
    projection_of,
    replayed,
)
from gateway.api.model_api.responses.store import Items, StoredResponse
from gateway.generation.event_log import EventLog
from gateway.generation.generation import Generation
from gateway.protocol.events import Chunk, Complete, Error, Interrupted, Metrics, Reasoning, Revision, Start, Usage
from tests.start_requests import start_request

USAGE = Usage(1, 2, "exact")
METRICS = Metrics("r", 1.5, 2.5, 0.0, 1, 2, 2, None, 1, 1)
START = Start("p", "m", 1, 1)
COMPLETE = Complete("stop", USAGE, None, METRICS)

Texts = Sequence[tuple[bool, str]]
TEXTS = st.lists(st.tuples(st.booleans(), st.text(min_size=1, max_size=4)), max_size=12)


def stored(*events: Start | Chunk | Reasoning | Revision | Complete | Interrupted | Error) -> StoredResponse:
    generation = Generation("g_x", start_request(), "r", "m", 0.0)
    for event in events:
        generation.log.add(event)
    last = events[-1] if events else None
    generation.end = last if isinstance(last, Complete | Interrupted | Error) else None
    return StoredResponse("resp_x", "alice", b"{}", (), 7, "m", generation)


def log_of(response: StoredResponse) -> EventLog:
    assert response.generation is not None
    return response.generation.log


def events_of(response: StoredResponse, skip: int = 0) -> list[bytes]:
    replay = Replay(response, skip)
    return [event.data for entry in entries_of(response) for event in replay.project(entry)]


@given(TEXTS, st.integers(0, 60))
def test_a_replay_gives_each_event_again_however_the_log_is_joined(texts: Texts, skip: int) -> None:
    response = stored(START, *[(Chunk if is_text else Reasoning)(text) for is_text, text in texts], COMPLETE)
    projection = projection_of(response)
    live = [event.data for entry in entries_of(response) for event in projection.project(entry)]
    assert events_of(response, skip) == live[skip:]
    log_of(response).compact()
    assert events_of(response, skip) == live[skip:]


def test_a_response_without_events_is_in_progress() -> None:
    response = stored()
    document = document_of(response)
    assert (document["id"], document["status"], document["output"]) == ("resp_x", "in_progress", [])
    assert output_items(response) == []


def test_an_interrupted_response_is_cancelled() -> None:
    response = stored(START, Chunk("a"), Interrupted("client", None, 1.0, USAGE, None, METRICS))
    assert document_of(response)["status"] == "cancelled"


def test_a_text_that_was_given_up_is_not_in_the_response() -> None:
    response = stored(
        START, Chunk("a"), Revision(2, None, None, "failover"), Start("q", "m", 2, 2), Chunk("b"), COMPLETE
    )
    (item,) = output_items(response)
    assert item["content"][0]["text"] == "b"  # type: ignore[index,call-overload]
    assert b'"response.failed"' in events_of(response)[-1]


def test_a_part_of_a_log() -> None:
    feedback = Revision(2, "f_1", 1.0)
    whole = stored(START, Chunk("a"), feedback, Start("p", "m", 2, 2), Chunk("b"), COMPLETE)
    at = next(entry.last for entry in entries_of(whole) if entry.kind is Revision)
    body = (whole.owner, whole.body, whole.input, whole.created, whole.model, whole.generation)
    first = StoredResponse("resp_x", *body, until=at - 1)
    second = StoredResponse("resp_x.2", *body, after=at)
    assert document_of(first)["incomplete_details"] == {"reason": "steered"}
    assert replayed(first, 0)[-1].name == b"response.incomplete"
    assert replayed(first, 3) == replayed(first, 0)[3:]
    assert (document_of(second)["id"], document_of(second)["status"]) == ("resp_x.2", "completed")


def test_what_is_known_of_an_answer_is_not_read_again() -> None:
    response = stored()
    response.output = Items([{"type": "message"}])
    assert output_items(response) == [{"type": "message"}]
