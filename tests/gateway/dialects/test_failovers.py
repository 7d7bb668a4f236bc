"""A failover in the middle of a stream: what was sent can't be taken back, so nothing of the next attempt follows."""

from collections.abc import Mapping, Sequence
from typing import Final

import pytest

from gateway.generation.event_log import EventLog, merge
from gateway.protocol.events import Chunk, Event, Revision, Start, Verbatim
from tests.gateway.dialects.pairs import NAMES, project, start_of
from tests.gateway.dialects.recording import GENERATION_ID

_ITEM: Final = b'{"type":"response.output_item.added","output_index":0,"item":{"type":"message","content":[]}}'
_DELTA: Final = b'{"type":"response.output_text.delta","sequence_number":1,"output_index":0,"delta":"a"}'
_BLOCK: Final = b'{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}'
_PIECE: Final = b'{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a"}}'
_CHUNK: Final = b'{"choices":[{"index":0,"delta":{"content":"a"}}]}'
_RESPONSE: Final = b'{"candidates":[{"content":{"parts":[{"text":"a"}]}}]}'

OWN: Final[Mapping[str, tuple[bytes, bytes]]] = {
    "openai_chat": (_CHUNK, _CHUNK),
    "openai_responses": (_ITEM, _DELTA),
    "anthropic": (_BLOCK, _PIECE),
    "gemini": (_RESPONSE, _RESPONSE),
}
"""The provider's own data of an attempt: its first event, and that of each piece of text."""


def attempt(own: tuple[bytes, bytes] | None) -> Sequence[Sequence[Event | Verbatim]]:
    """Return what the reads of an attempt bring."""
    start: Sequence[Event | Verbatim] = [Start("p", "m", 1, 1)]
    if own is None:
        return [start, *[[Chunk("a")]] * 3]
    piece: Sequence[Event | Verbatim] = [Verbatim(own[1]), Chunk("a")]
    return [start, [Verbatim(own[0])], piece, piece, piece]


@pytest.mark.parametrize("dialect", NAMES)
@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("second", [True, False])
@pytest.mark.parametrize("joined", [True, False])
def test_nothing_of_the_next_attempt_follows(dialect: str, *, first: bool, second: bool, joined: bool) -> None:
    log = EventLog(GENERATION_ID)
    for events in attempt(OWN[dialect] if first else None):
        log.extend(events)
    before, is_cut = project(dialect, start_of(dialect), log.since(0))
    assert not is_cut
    log.extend([Revision(2, None, None, "failover")])
    for events in attempt(OWN[dialect] if second else None):
        log.extend(events)
    after, is_cut = project(dialect, start_of(dialect), [*merge(log.since(0))] if joined else log.since(0))
    assert is_cut
    assert joined or after == before
    assert len(after) <= len(before)
