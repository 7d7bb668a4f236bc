"""One response on a socket: what is kept of it, and inputs that are given back."""

from typing import Any

import orjson

from gateway.api.model_api.responses.store import Items, ResponseStore, StoredResponse, decode
from gateway.generation.generation import Generation
from gateway.protocol.events import Chunk, Feedback, Interrupted, Metrics, Revision, Start, Usage
from tests.start_requests import start_request
from transports.model_api.responses.turn import Steer, Turn, prewarmed

USAGE = Usage(1, 2, "exact")
METRICS = Metrics("r", 1.5, 2.5, 0.0, 1, 2, 2, None, 1, 1)
INPUT = (Items([{"role": "user", "content": "One"}]),)


def stored(scope: object, *, log: bool = True) -> StoredResponse:
    generation = Generation("g_x", start_request(), "r", "m", 0.0) if log else None
    return StoredResponse("resp_x", "alice", b"{}", INPUT, 0, "m", generation, scope)


def play(turn: Turn, *events: Start | Chunk | Feedback | Revision | Interrupted) -> list[dict[str, Any]]:
    """Append events to the log of a turn, and return its messages."""
    generation = turn.stored.generation
    assert generation is not None
    before = generation.log.last
    for event in events:
        generation.log.add(event)
    return [orjson.loads(message) for entry in generation.log.since(before) for message in turn.messages(entry)]


def test_what_was_said_for_a_socket_alone_needs_no_log() -> None:
    store, scope = ResponseStore(), object()
    turn = Turn(store, stored(scope), None)
    turn.begin()
    assert len(store) == 0
    play(turn, Start("p", "m", 1, 1), Chunk("a"), Interrupted("client", None, 1.0, USAGE, None, METRICS))
    assert (turn.is_over, turn.local_ids, turn.stored.generation) == (True, ["resp_x"], None)
    found = store.find("resp_x", "alice", scope)
    assert found is not None
    assert found.output is not None
    (item,) = decode([found.output])
    assert item["content"][0]["text"] == "a"  # type: ignore[index,call-overload]


def test_an_input_that_comes_too_late_is_given_back() -> None:
    turn = Turn(ResponseStore(), stored(None), "main")
    turn.begin()
    turn.expect(Steer("steer_1", "Shorter.", "Shorter."))
    messages = play(turn, Start("p", "m", 1, 1), Chunk("a"), Feedback("f_1", "revise", "Shorter.", None))
    turn.expect_no_more("f_1")
    messages += play(turn, Interrupted("client", None, 1.0, USAGE, None, METRICS))
    assert [message["type"] for message in messages[-2:]] == ["response.completed", "response.steer.failed"]
    assert {message["stream_id"] for message in messages} == {"main"}
    assert messages[-1]["steer"] == {"previous_response_id": "resp_x", "input": "Shorter.", "id": "steer_1"}
    assert not turn.give_back_steers()


def test_an_input_that_was_refused_is_not_expected_any_more() -> None:
    turn = Turn(ResponseStore(), stored(None), None)
    turn.expect(Steer("steer_1", "Shorter.", "Shorter."))
    turn.expect_no_more(None)
    play(turn, Start("p", "m", 1, 1), Chunk("a"), Feedback("f_1", "revise", "Longer.", None), Revision(2, "f_1", 1.0))
    assert turn.stored.id == "resp_x"


def test_the_feedback_of_another_client_is_not_taken_for_an_input() -> None:
    turn = Turn(ResponseStore(), stored(None), None)
    turn.begin()
    turn.expect(Steer("steer_1", "Shorter.", "Shorter."))
    other, own = Feedback("f_1", "revise", "Longer.", None), Feedback("f_2", "revise", "Shorter.", None)
    play(turn, Start("p", "m", 1, 1), Chunk("a"), other, Revision(2, "f_1", 1.0))
    assert turn.stored.id == "resp_x"
    play(turn, Start("p", "m", 2, 2), Chunk("b"), own, Revision(3, "f_2", 1.0))
    assert turn.stored.id == "resp_x.2"


def test_an_input_begins_a_successor() -> None:
    store = ResponseStore()
    turn = Turn(store, stored(None), None)
    turn.begin()
    turn.expect(Steer("steer_1", "Shorter.", "Shorter."))
    events = (Start("p", "m", 1, 1), Chunk("a"), Feedback("f_1", "revise", "Shorter.", None), Revision(2, "f_1", 1.0))
    first = play(turn, *events)
    assert turn.last_number == 0
    second = play(turn, Start("p", "m", 2, 2), Chunk("b"))
    assert (first[-1]["type"], second[0]["type"]) == ("response.incomplete", "response.created")
    assert turn.last_number == len(second) - 1
    successor = store.find("resp_x.2", "alice")
    assert successor is turn.stored
    assert [item.get("role") for item in decode(successor.input)] == ["user", "assistant", "user"]


def test_a_prewarm_is_complete_at_once() -> None:
    response = stored(None, log=False)
    events = prewarmed(response)
    assert [event.name for event in events] == [b"response.created", b"response.in_progress", b"response.completed"]
    assert response.output is not None
    assert decode([response.output]) == []
