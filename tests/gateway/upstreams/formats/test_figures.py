"""Usage figures of several events."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.protocol.commands import JsonObject
from gateway.upstreams.formats.figures import MAX_FIGURES, merge_figures


def test_later_figures_replace_earlier_ones_but_zeros_and_nulls_replace_none() -> None:
    known: JsonObject = {"a": 5, "b": 0, "c": None, "d": {"x": 1, "y": 2.0}, "e": "other"}
    later: JsonObject = {"a": 0, "b": 7, "c": 0, "d": {"x": 0.0, "y": 3.0, "z": 0}, "e": None, "f": 0}
    merged = {"a": 5, "b": 7, "c": 0, "d": {"x": 1, "y": 3.0, "z": 0}, "e": "other", "f": 0}
    assert merge_figures(known, later) == merged
    assert merge_figures(known, {"d": 4})["d"] == 4
    assert known["a"] == 5


@given(st.lists(st.integers(0, 3)))
def test_the_last_count_that_is_not_zero_stands(counts: list[int]) -> None:
    known: JsonObject = {}
    for count in counts:
        known = merge_figures(known, {"tokens": count})
    assert known == ({"tokens": next((count for count in reversed(counts) if count), 0)} if counts else {})


def test_a_server_with_ever_new_names_does_not_fill_memory() -> None:
    known: JsonObject = {}
    for number in range(1000):
        known = merge_figures(known, {f"name {number}": 1})
    assert len(known) == MAX_FIGURES
    assert merge_figures(known, {"name 0": 2})["name 0"] == 2
