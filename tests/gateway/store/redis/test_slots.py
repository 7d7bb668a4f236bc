"""Positions in the shared queue, from what the scripts return."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.admission.slots import SlotRequest, Slots
from gateway.store.redis.slots import NUMBER, Place, places_among, positions_of


def ignore() -> None:
    pass


@given(st.lists(st.integers(0, 5), max_size=60), st.integers(0, 12))
def test_positions_are_those_of_one_process(principals: list[int], released: int) -> None:
    slots, requests = Slots(1, 0), list[SlotRequest]()
    slots.on_stale = ignore
    slots.request("first", 0.0, ignore)
    for number in principals:
        requests.append(slots.request(f"{number:024}", 0.0, ignore))
    for slot_request in requests[: released * 2 : 2]:
        slots.release(slot_request, 0.0)
    slots.renumber()
    turns = {name: float(turn) for turn, name in enumerate(slots._queues)}
    items = [
        f"{name}{number:0{NUMBER}}r{number % 2} {name}-{number}".encode()
        for name in sorted(slots._queues)
        for number in range(len(slots._queues[name]))
    ]
    expected = {
        f"{name}-{number}": slot_request.position
        for name, waiting in slots._queues.items()
        for number, slot_request in enumerate(waiting)
    }
    found = dict[str, int]()
    for replica in ("r0", "r1"):
        places, counts = places_among(items, replica)
        found |= positions_of(places, turns, counts)
    assert found == expected


def test_no_claims_have_no_positions() -> None:
    assert positions_of({}, {"a": 1.0}, {"a": 3.0}) == {}
    assert positions_of({"g": Place("a", 2)}, {"b": 1.0, "a": 2.0}, {"a": 2.0, "b": 1.0}) == {"g": 3}
