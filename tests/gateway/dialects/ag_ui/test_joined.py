"""A run for a client that joins it in the middle."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from gateway.dialects.ag_ui import AgUiDialect
from gateway.dialects.ag_ui.transcript import Transcript
from gateway.generation.event_log import merge
from gateway.protocol.commands import JsonObject
from gateway.protocol.events import Chunk
from tests.gateway.dialects.ag_ui.generated_logs import logs
from tests.gateway.dialects.ag_ui.runs import COMPLETE, IDENTITY, MESSAGES, decoded, failed, log_of, project, started
from tests.gateway.dialects.ag_ui.verifier import verify


def joined(events: Sequence[object], reached: int, *, behind: bool = False) -> list[JsonObject]:
    """Return what a client gets that joins once a number is reached."""
    entries = log_of(events).since(0)
    projection = AgUiDialect().joined(started().call.body, IDENTITY, reached)
    return decoded(project(projection, merge(entries, with_ends=True) if behind else entries))


def messages_of(events: Sequence[JsonObject]) -> list[JsonObject]:
    """Return the messages that a client has in the end: a snapshot replaces all."""
    transcript = Transcript()
    for event in events:
        transcript.add(event)
        if event["type"] == "MESSAGES_SNAPSHOT":
            messages = event["messages"]
            assert isinstance(messages, list)
            transcript.messages = [message for message in messages if isinstance(message, dict)]
    return transcript.messages


def test_a_client_that_joins_gets_the_text_so_far_and_the_rest() -> None:
    started, snapshot, begun, delta, ended, finished = joined([Chunk("a"), Chunk("b"), Chunk("c"), COMPLETE], 3)
    assert started["type"] == "RUN_STARTED"
    assert snapshot["messages"] == [*MESSAGES, {"id": "msg_g_1_1", "role": "assistant", "content": "ab"}]
    assert (begun["type"], delta["delta"]) == ("TEXT_MESSAGE_START", "c")
    assert (ended["type"], finished["type"]) == ("TEXT_MESSAGE_END", "RUN_FINISHED")


def test_a_run_that_is_over() -> None:
    assert [event["type"] for event in joined([Chunk("a"), COMPLETE], 3)] == [
        *("RUN_STARTED", "MESSAGES_SNAPSHOT", "RUN_FINISHED")
    ]


def test_a_failure_that_was_a_cut_is_an_error_to_a_client_that_comes_later() -> None:
    assert joined([Chunk("a"), failed("truncated")], 3)[-1]["type"] == "RUN_ERROR"


@given(logs, st.integers(1, 30), st.booleans())
def test_the_same_messages_whenever_a_client_joins(events: Sequence[object], at: int, behind: bool) -> None:
    reached = min(at, len(events) + 1)
    run = joined(events, reached, behind=behind)
    verify(run)
    assert messages_of(run) == messages_of(joined(events, len(events) + 1))
