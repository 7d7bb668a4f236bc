"""How a generation ends in a UI message stream."""

from dataclasses import replace

import pytest

from gateway.protocol.errors import Code
from gateway.protocol.events import Chunk
from tests.gateway.dialects.ai_sdk.streams import COMPLETE, INTERRUPTED, chunks, failed, kinds, message


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("stop", "stop"),
        ("length", "length"),
        ("tool_calls", "tool-calls"),
        ("content_filter", "content-filter"),
        ("new_reason", "other"),
        (None, "other"),
    ],
)
def test_finish_reasons_are_those_of_version_6(reason: str | None, expected: str) -> None:
    assert message(Chunk("a"), replace(COMPLETE, finish_reason=reason)).finish_reason == expected


def test_a_stopped_answer_is_kept_with_its_usage() -> None:
    found = message(Chunk("a"), INTERRUPTED)
    assert (found.text, found.abort_reason, found.finish_reason, found.error) == ("a", "enough", "other", None)
    assert found.metadata["usage"]["totalTokens"] == 30


def test_an_end_by_a_time_limit_names_its_reason() -> None:
    found = message(Chunk("a"), replace(INTERRUPTED, by="disconnect", reason=None))
    assert found.abort_reason == "every reader has left"


def test_a_failure_is_a_sentence_and_a_signal_for_programs() -> None:
    found = chunks(Chunk("a"), failed("truncated"))
    assert kinds(found)[-4:] == ["text-end", "message-metadata", "error", "finish"]
    read = message(Chunk("a"), failed("truncated"))
    assert (read.text, read.error, read.finish_reason) == ("a", "It failed.", "error")
    assert read.signals[-1]["data"] == {
        "code": "truncated",
        "message": "It failed.",
        "retryable": True,
        "retryAfterMs": 500,
        "partial": True,
    }


@pytest.mark.parametrize("code", Code)
def test_every_failure_ends_with_a_finish(code: Code) -> None:
    for events in ((Chunk("a"), failed(code)), (failed(code, partial=False),)):
        found = message(*events)
        assert found.finish_reason is not None
        kept = code in {Code.OUTPUT_LIMIT, Code.CONTENT_FILTER} and bool(found.parts)
        assert (found.error is None) is kept
