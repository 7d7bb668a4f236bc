"""Clients that are sent to other gateways: when, and in which groups."""

from functools import partial

import pytest

from gateway.pipeline.departures import Departures
from gateway.protocol.errors import Code, Refused
from tests.manual_clock import ManualClock


def departures_of(count: int) -> tuple[Departures, ManualClock, list[int]]:
    clock, left = ManualClock(), list[int]()
    departures = Departures(clock)
    for number in range(count):
        departures.add(partial(left.append, number))
    return departures, clock, left


def test_nobody_leaves_before_it_begins() -> None:
    departures, clock, left = departures_of(3)
    clock.advance(10)
    assert (left, len(departures), departures.has_begun) == ([], 3, False)
    departures.check_open()


def test_all_leave_within_a_second_in_small_groups() -> None:
    departures, clock, left = departures_of(100)
    departures.begin()
    assert not left
    clock.advance(0.05)
    assert len(left) == 5
    clock.advance(0.45)
    assert len(left) == 50
    clock.advance(0.5)
    assert sorted(left) == list(range(100))
    assert left != sorted(left)
    assert clock.pending == 0


def test_of_many_a_thousand_leave_in_a_second() -> None:
    departures, clock, left = departures_of(5000)
    departures.begin()
    clock.advance(1)
    assert len(left) == 1000


def test_one_that_has_ended_meanwhile_is_left_alone() -> None:
    departures, clock, left = departures_of(0)
    leave = partial(left.append, 1)
    departures.add(leave)
    departures.begin()
    departures.remove(leave)
    departures.remove(leave)
    clock.advance(1)
    assert not left


def test_one_that_comes_later_leaves_soon() -> None:
    departures, clock, left = departures_of(0)
    departures.begin()
    departures.begin()
    departures.add(partial(left.append, 1))
    clock.advance(0.05)
    assert left == [1]
    with pytest.raises(Refused) as refused:
        departures.check_open()
    assert (refused.value.code, refused.value.retryable) == (Code.SHUTTING_DOWN, True)


def test_it_tells_when_all_have_left() -> None:
    departures, clock, left = departures_of(2)
    departures.begin()
    departures.on_empty(partial(left.append, 99))
    assert 99 not in left
    clock.advance(1)
    assert left[-1] == 99
    departures.on_empty(partial(left.append, 100))
    assert left[-1] == 100


def test_after_its_end_nobody_leaves() -> None:
    departures, clock, left = departures_of(2)
    departures.begin()
    departures.close()
    clock.advance(1)
    assert (left, clock.pending) == ([], 0)
