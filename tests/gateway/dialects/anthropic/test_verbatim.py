"""The events of a provider, passed on as they came."""

import pytest

from gateway.dialects.anthropic.verbatim import VerbatimEvents
from gateway.dialects.anthropic.writer import EventWriter
from gateway.dialects.base import ProjectedEvent
from tests.gateway.dialects.anthropic.projected import IDENTITY

END = b'{"type":"message_delta","delta":{"stop_reason":"end_turn"}}'
STOP = b'{"type":"content_block_stop","index":0}'


def passed(*lines: bytes) -> tuple[list[bytes], VerbatimEvents]:
    """Return the data that was passed on at once, and what passed it on."""
    verbatim, out = VerbatimEvents(EventWriter(IDENTITY)), list[ProjectedEvent]()
    for line in lines:
        verbatim.add(line, out)
    return [event.data for event in out], verbatim


@pytest.mark.parametrize("line", [b"[DONE]", b"{}", b'{"error":{"message":"no"}}', b"[1]", b'{"type":1}'])
def test_what_is_no_event_of_this_api_is_left_out(line: bytes) -> None:
    assert passed(line)[0] == []


def test_the_end_is_held_back() -> None:
    data, verbatim = passed(STOP, END, b'{"type":"ping"}')
    assert data == [STOP]
    assert verbatim.has_end
    assert [event.name for event in verbatim.end()] == [b"message_delta", b"ping", b"message_stop"]


def test_an_end_that_was_none_is_passed_on_before_what_follows() -> None:
    data, verbatim = passed(END, STOP)
    assert data == [END, STOP]
    assert not verbatim.has_end


def test_a_delta_without_a_reason_is_not_the_end() -> None:
    line = b'{"type":"message_delta","delta":{"container":null}}'
    assert passed(line)[0] == [line]


def test_blocks_that_the_provider_did_not_close_are_closed() -> None:
    _, verbatim = passed(b'{"type":"content_block_start","index":0,"content_block":{"type":"text"}}', END)
    assert verbatim.end()[0].data == STOP
