"""The events of one run."""

import orjson

from gateway.dialects.ag_ui.writer import EventWriter
from gateway.dialects.base import ProjectedEvent
from gateway.protocol.commands import JsonObject
from gateway.protocol.events import Usage
from tests.gateway.dialects.ag_ui.runs import IDENTITY, MESSAGES, RUN

USAGE = Usage(1, 2, "exact")


def writer(**fields: object) -> EventWriter:
    return EventWriter(orjson.loads(orjson.dumps({**RUN, "messages": MESSAGES, **fields})), IDENTITY)


def data(event: ProjectedEvent) -> JsonObject:
    assert b"\n" not in event.data
    fields: JsonObject = orjson.loads(event.data)
    return fields


def test_the_run_that_a_run_follows() -> None:
    assert data(writer(parentRunId="r0").run_started())["parentRunId"] == "r0"
    assert "parentRunId" not in data(writer().run_started())


def test_calls_that_the_client_has_to_answer() -> None:
    finished = data(writer().run_completed("tool_calls", USAGE, ["a"], {}))
    assert finished["outcome"] == {"type": "success", "pendingToolCallIds": ["a"]}


def test_metadata_is_there_only_with_something_in_it() -> None:
    assert "metadata" not in data(writer().run_cancelled(USAGE, {}))
    assert "metadata" not in data(writer().text_start("m"))


def test_a_failure_without_figures() -> None:
    assert "usage" not in data(writer().run_failed("x", "y", None, {}))


def test_a_delta_continues_its_head() -> None:
    head = writer().text_head("TEXT_MESSAGE_CONTENT", "messageId", 'a"')
    assert orjson.loads(head + b'"x"}') == {"type": "TEXT_MESSAGE_CONTENT", "messageId": 'a"', "delta": "x"}


def test_a_snapshot_with_reasoning_needs_no_empty_span() -> None:
    span: JsonObject = {"id": "r", "role": "reasoning", "content": "Hm."}
    assert data(writer(messages=[span]).revised("rs_1"))["messages"] == [span]
    assert data(writer().revised(""))["messages"] == MESSAGES


def test_a_body_without_messages_has_no_conversation() -> None:
    assert writer(messages=5).conversation == []
