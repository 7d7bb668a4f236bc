"""Slots and the fair queue."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.admission.slots import SlotRequest, Slots, SlotState
from gateway.protocol.errors import Code, Refused


def silent() -> None:
    pass


def test_up_to_the_bound_all_run_then_they_wait_then_they_are_refused() -> None:
    slots = Slots(2, 1)
    first, second, third = (slots.request("a", 0.0, silent) for _ in range(3))
    assert [ticket.state for ticket in (first, second, third)] == [
        SlotState.RUNNING,
        SlotState.RUNNING,
        SlotState.WAITING,
    ]
    with pytest.raises(Refused) as refused:
        slots.request("a", 0.0, silent)
    assert refused.value.code is Code.QUEUE_FULL
    assert refused.value.retry_after_ms
    slots.release(first, 0.0)
    assert third.state is SlotState.RUNNING
    assert (slots.running, slots.queued) == (2, 0)


def test_a_release_counts_once() -> None:
    slots = Slots(1, 0)
    ticket = slots.request("a", 0.0, silent)
    slots.release(ticket, 0.0)
    slots.release(ticket, 0.0)
    assert slots.running == 0


def test_no_limit() -> None:
    slots = Slots(0, 0)
    tickets = [slots.request("a", 0.0, silent) for _ in range(1000)]
    assert {ticket.state for ticket in tickets} == {SlotState.RUNNING}


def test_one_with_many_waiting_does_not_starve_one_with_one() -> None:
    slots = Slots(1, 0)
    running = slots.request("busy", 0.0, silent)
    waiting = [slots.request("busy", 0.0, silent) for _ in range(100)]
    other = slots.request("quiet", 0.0, silent)
    assert other.position == 2
    slots.release(running, 0.0)
    assert waiting[0].state is SlotState.RUNNING
    assert other.position == 1
    slots.release(waiting[0], 0.0)
    assert other.state is SlotState.RUNNING


def test_those_whose_place_changed_are_told() -> None:
    slots = Slots(1, 0)
    seen: dict[str, list[int]] = {"b": [], "c": []}
    tickets: dict[str, SlotRequest] = {}
    running = slots.request("a", 0.0, silent)
    for name in ("b", "c"):
        tickets[name] = slots.request(name, 0.0, lambda name=name: seen[name].append(tickets[name].position))  # type: ignore[misc]
    assert [ticket.position for ticket in tickets.values()] == [1, 2]
    slots.release(running, 0.0)
    assert seen == {"b": [0], "c": [1]}


@given(
    st.integers(0, 3),
    st.integers(0, 5),
    st.lists(st.tuples(st.sampled_from(["request", "release"]), st.integers(0, 30)), max_size=60),
)
def test_slots_are_never_lost_or_doubled(max_running: int, max_queued: int, steps: list[tuple[str, int]]) -> None:
    slots = Slots(max_running, max_queued)
    tickets: list[SlotRequest] = []
    for step, number in steps:
        if step == "request":
            try:
                tickets.append(slots.request("abc"[number % 3], 0.0, silent))
            except Refused:
                assert slots.queued == max_queued
        elif tickets:
            slots.release(tickets[number % len(tickets)], 0.0)
        running = [ticket for ticket in tickets if ticket.state is SlotState.RUNNING]
        waiting = [ticket for ticket in tickets if ticket.state is SlotState.WAITING]
        assert slots.running == len(running)
        assert slots.queued == len(waiting)
        assert not max_running or len(running) <= max_running
        assert not waiting or len(running) == max_running
        assert sorted(ticket.position for ticket in waiting) == list(range(1, len(waiting) + 1))
    for ticket in tickets:
        slots.release(ticket, 0.0)
    assert (slots.running, slots.queued) == (0, 0)


def test_a_principals_own_number_of_slots_wins() -> None:
    slots = Slots(0, 0, 2)
    few = [slots.request("few", 0.0, lambda: None, 1) for _ in range(3)]
    many = [slots.request("many", 0.0, lambda: None, 0) for _ in range(9)]
    usual = [slots.request("usual", 0.0, lambda: None) for _ in range(3)]
    assert [sum(ticket.state is SlotState.RUNNING for ticket in tickets) for tickets in (few, many, usual)] == [1, 9, 2]
    slots.release(few[0], 1.0)
    assert [ticket.state for ticket in few] == [SlotState.RELEASED, SlotState.RUNNING, SlotState.WAITING]
