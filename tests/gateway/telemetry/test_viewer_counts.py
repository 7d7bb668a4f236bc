"""Counts of viewers that are replaced, and shared by those that are equal."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from gateway.telemetry.viewer_counts import NO_VIEWERS, with_viewer, without_viewer

MOVES = st.lists(st.tuples(st.booleans(), st.sampled_from(["sse", "websocket"])), max_size=20)


def test_single_viewers_share_one_dictionary() -> None:
    assert with_viewer(NO_VIEWERS, "sse") is with_viewer(NO_VIEWERS, "sse")


@given(MOVES)
def test_the_counts_are_those_of_a_counter_and_none_is_changed(moves: list[tuple[bool, str]]) -> None:
    counts, counter = NO_VIEWERS, Counter[str]()
    seen = [(counts, dict(counts))]
    for comes, transport in moves:
        if comes:
            counter[transport] += 1
            counts = with_viewer(counts, transport)
        else:
            counter[transport] = max(0, counter[transport] - 1)
            counts = without_viewer(counts, transport)
        assert counts == {name: count for name, count in counter.items() if count}
        seen.append((counts, dict(counts)))
    assert all(counts == before for counts, before in seen)
    assert NO_VIEWERS == {}
