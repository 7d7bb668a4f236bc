"""Concurrency slots and the fair queue."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.admission.slots import MAX_REPORTS, SlotRequest, Slots, SlotState
from gateway.protocol.errors import Code, Refused


def ignore() -> None:
    pass


def test_requests_run_up_to_the_limit_then_wait_then_are_refused() -> None:
    slots = Slots(2, 1)
    first, second, third = (slots.request("a", 0.0, ignore) for _ in range(3))
    assert [request.state for request in (first, second, third)] == [
        SlotState.RUNNING,
        SlotState.RUNNING,
        SlotState.WAITING,
    ]
    with pytest.raises(Refused) as refused:
        slots.request("a", 0.0, ignore)
    assert refused.value.code is Code.QUEUE_FULL
    assert refused.value.retry_after_ms
    slots.release(first, 0.0)
    assert third.state is SlotState.RUNNING
    assert (slots.running, slots.queued) == (2, 0)


def test_a_release_counts_once() -> None:
    slots = Slots(1, 0)
    request = slots.request("a", 0.0, ignore)
    slots.release(request, 0.0)
    slots.release(request, 0.0)
    assert slots.running == 0


def test_no_limit() -> None:
    slots = Slots(0, 0)
    requests = [slots.request("a", 0.0, ignore) for _ in range(1000)]
    assert {request.state for request in requests} == {SlotState.RUNNING}


def test_a_principal_with_many_requests_does_not_starve_another() -> None:
    slots = Slots(1, 0)
    running = slots.request("busy", 0.0, ignore)
    waiting = [slots.request("busy", 0.0, ignore) for _ in range(100)]
    other = slots.request("quiet", 0.0, ignore)
    assert other.position == 2
    slots.release(running, 0.0)
    assert waiting[0].state is SlotState.RUNNING
    assert other.position == 1
    slots.release(waiting[0], 0.0)
    assert other.state is SlotState.RUNNING


def test_requests_whose_position_changed_are_called_back() -> None:
    slots = Slots(1, 0)
    seen: dict[str, list[int]] = {"b": [], "c": []}
    requests: dict[str, SlotRequest] = {}
    running = slots.request("a", 0.0, ignore)
    for name in ("b", "c"):
        requests[name] = slots.request(name, 0.0, lambda name=name: seen[name].append(requests[name].position))  # type: ignore[misc]
    assert [request.position for request in requests.values()] == [1, 2]
    slots.release(running, 0.0)
    assert seen == {"b": [0], "c": [1]}


@given(
    st.integers(0, 3),
    st.integers(0, 5),
    st.lists(st.tuples(st.sampled_from(["request", "release"]), st.integers(0, 30)), max_size=60),
)
def test_slots_are_never_lost_or_granted_twice(
    max_concurrent: int, max_queue: int, steps: list[tuple[str, int]]
) -> None:
    slots = Slots(max_concurrent, max_queue)
    requests: list[SlotRequest] = []
    for step, number in steps:
        if step == "request":
            try:
                requests.append(slots.request("abc"[number % 3], 0.0, ignore))
            except Refused:
                assert slots.queued == max_queue
        elif requests:
            slots.release(requests[number % len(requests)], 0.0)
        running = [request for request in requests if request.state is SlotState.RUNNING]
        waiting = [request for request in requests if request.state is SlotState.WAITING]
        assert slots.running == len(running)
        assert slots.queued == len(waiting)
        assert not max_concurrent or len(running) <= max_concurrent
        assert not waiting or len(running) == max_concurrent
        assert sorted(request.position for request in waiting) == list(range(1, len(waiting) + 1))
    for request in requests:
        slots.release(request, 0.0)
    assert (slots.running, slots.queued) == (0, 0)


def test_a_principals_own_limit_replaces_the_general_one() -> None:
    slots = Slots(0, 0, 2)
    few = [slots.request("few", 0.0, lambda: None, 1) for _ in range(3)]
    many = [slots.request("many", 0.0, lambda: None, 0) for _ in range(9)]
    usual = [slots.request("usual", 0.0, lambda: None) for _ in range(3)]
    assert [sum(request.state is SlotState.RUNNING for request in requests) for requests in (few, many, usual)] == [
        1,
        9,
        2,
    ]
    slots.release(few[0], 1.0)
    assert [request.state for request in few] == [SlotState.RELEASED, SlotState.RUNNING, SlotState.WAITING]


@pytest.mark.parametrize("principals", [1, 7, 4000])
def test_many_that_leave_at_once_are_not_reported_to_each_other(principals: int) -> None:
    slots, reports, stale = Slots(1, 0), [0], [0]

    def on_stale() -> None:
        stale[0] += 1

    def on_change() -> None:
        reports[0] += 1

    slots.on_stale = on_stale
    slots.request("first", 0.0, ignore)
    waiting = [slots.request(f"p{at % principals}", 0.0, on_change) for at in range(4000)]
    assert [request.position for request in waiting] == list(range(1, 4001))
    for request in waiting[:3000]:
        slots.release(request, 0.0)
    assert (reports, stale) == ([0], [1])
    slots.renumber()
    assert (reports, stale) == ([MAX_REPORTS], [2])
    slots.renumber()
    assert (reports, stale) == ([1000], [3])
    slots.renumber()
    assert (reports, stale) == ([1000], [3])
    assert sorted(request.position for request in waiting[3000:]) == list(range(1, 1001))


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 200)), max_size=300))
def test_a_new_request_is_never_nearer_than_its_position(steps: list[tuple[bool, int]]) -> None:
    slots, waiting = Slots(1, 0), list[SlotRequest]()
    slots.on_stale = ignore
    slots.request("first", 0.0, ignore)
    for leaves, number in steps:
        if leaves and waiting:
            slots.release(waiting.pop(number % len(waiting)), 0.0)
        elif not leaves:
            waiting.append(slots.request(f"p{number % 9}", 0.0, ignore))
            given_position = waiting[-1].position
            slots.renumber()
            assert waiting[-1].position <= given_position <= slots.queued
    assert sum(slots._of_turn.values()) == slots.queued == len(waiting)
