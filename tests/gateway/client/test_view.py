"""The view of a generation: texts, positions, repeated events."""

import pytest

from gateway.client.frames import (
    ConnectionLost,
    Frame,
)
from gateway.client.view import View
from gateway.protocol.events import (
    Chunk,
    Event,
    Gap,
)
from tests.gateway.client.events import EVENTS


def _view(*events: tuple[int, Event | None]) -> View:
    view = View("g_1")
    for seq, event in events:
        view.receive(Frame("g_1", seq, event))
    return view


def test_text_grows_by_chunks_and_starts_again_with_a_revision() -> None:
    events: list[tuple[int, Event]] = [(1, EVENTS[0]), (2, EVENTS[2]), (3, Chunk("old")), (4, EVENTS[7])]
    view = _view(*events, (5, EVENTS[8]), (6, Chunk("ne")), (7, Chunk("w")), (8, EVENTS[10]))
    assert (view.content.text, view.revision, view.seq, view.state) == ("new", 2, 8, "complete")
    assert view.terminal == EVENTS[10]


def test_a_repeated_event_is_ignored() -> None:
    view = _view((1, EVENTS[0]), (2, Chunk("a")))
    assert view.receive(Frame("g_1", 2, Chunk("a"))) is None
    assert (view.content.text, view.seq) == ("a", 2)


def test_merged_content_stands_for_several_numbers() -> None:
    assert _view((1, EVENTS[0]), (5, Chunk("abcd"))).seq == 5


@pytest.mark.parametrize("event", [EVENTS[2], EVENTS[8], EVENTS[10], None])
def test_numbers_may_jump_at_any_event(event: Event | None) -> None:
    view = _view((1, EVENTS[0]), (2, Chunk("a")))
    view.receive(Frame("g_1", 5, event))
    assert view.seq == 5


def test_an_unknown_event_advances_the_position() -> None:
    view = _view((1, EVENTS[0]), (2, None), (3, EVENTS[2]))
    assert view.seq == 3


def test_a_gap_replaces_the_text() -> None:
    view = _view((1, EVENTS[0]), (2, Chunk("stale")), (9, Gap(2, 9, "whole")), (10, Chunk("!")))
    assert view.content.text == "whole!"


def test_an_event_of_another_generation_is_an_error() -> None:
    with pytest.raises(ConnectionLost, match="g_2"):
        View("g_1").receive(Frame("g_2", 1, EVENTS[0]))
