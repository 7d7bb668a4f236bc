"""Any log is a run in the right order, and the same one however it is read."""

from collections.abc import Sequence

import orjson
from hypothesis import given

from gateway.dialects.ag_ui import AgUiDialect
from gateway.dialects.ag_ui.transcript import Transcript
from gateway.dialects.base import Projection
from gateway.dialects.numbering import NumberedProjection
from gateway.dialects.tanstack import TanStackDialect
from gateway.generation.event_log import EventLog, merge
from gateway.protocol.commands import JsonObject
from gateway.protocol.events import Chunk, Complete, Error, Revision
from tests.gateway.dialects.ag_ui.generated_logs import logs
from tests.gateway.dialects.ag_ui.runs import IDENTITY, decoded, log_of, project, started
from tests.gateway.dialects.ag_ui.verifier import verify


def read(projection: Projection, log: EventLog, *, joined: bool = False, compacted: bool = False) -> list[JsonObject]:
    if compacted:
        log.compact()
    entries = log.since(0)
    return decoded(project(projection, merge(entries, with_ends=True) if joined else entries))


def messages_of(events: Sequence[JsonObject]) -> list[JsonObject]:
    transcript = Transcript()
    for event in events:
        transcript.add(event)
    return transcript.messages


@given(logs)
def test_a_run_is_in_order(events: Sequence[object]) -> None:
    end = events[-1]
    if not (isinstance(end, Error) and end.code == "truncated"):
        verify(read(AgUiDialect().projection(started(), IDENTITY), log_of(events)))
    verify(read(TanStackDialect().projection(started(), IDENTITY), log_of(events)))


@given(logs)
def test_the_messages_are_the_last_text(events: Sequence[object]) -> None:
    last = max((at for at, event in enumerate(events) if isinstance(event, Revision)), default=0)
    said = "".join(event.content for event in events[last:] if isinstance(event, Chunk))
    messages = messages_of(read(TanStackDialect().projection(started(), IDENTITY), log_of(events)))
    assert "".join(str(message.get("content") or "") for message in messages if message["role"] == "assistant") == said


@given(logs)
def test_the_same_messages_however_the_log_is_read(events: Sequence[object]) -> None:
    def read_by(**how: bool) -> list[JsonObject]:
        return messages_of(read(AgUiDialect().projection(started(), IDENTITY), log_of(events), **how))

    assert read_by() == read_by(joined=True) == read_by(compacted=True)


@given(logs)
def test_the_same_numbers_however_the_log_is_read(events: Sequence[object]) -> None:
    def read_by(**how: bool) -> list[JsonObject]:
        return read(NumberedProjection(TanStackDialect().projection(started(), IDENTITY)), log_of(events), **how)

    assert read_by() == read_by(joined=True) == read_by(compacted=True)


@given(logs)
def test_calls_that_a_client_has_to_answer_are_complete(events: Sequence[object]) -> None:
    run = read(TanStackDialect().projection(started(), IDENTITY), log_of(events))
    outcome = run[-1].get("outcome")
    if not isinstance(events[-1], Complete) or not isinstance(outcome, dict) or outcome["type"] != "interrupt":
        return
    interrupts = outcome["interrupts"]
    assert isinstance(interrupts, list)
    for interrupt in interrupts:
        assert isinstance(interrupt, dict)
        pieces = [
            str(event["delta"])
            for event in run
            if event.get("toolCallId") == interrupt["toolCallId"] and "delta" in event
        ]
        metadata = interrupt["metadata"]
        assert isinstance(metadata, dict)
        assert orjson.loads("".join(pieces)) == metadata["input"]
