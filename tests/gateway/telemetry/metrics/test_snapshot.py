from collections.abc import Callable
from operator import add

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.telemetry.metrics.snapshot import Buckets, Rule, Snapshot, decode, merged

NAMES: tuple[tuple[str, Rule], ...] = (("counted", "add"), ("running", "sum"), ("draining", "max"), ("ready", "min"))


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    snapshot = Snapshot()
    for name, rule in NAMES:
        for labels in draw(st.lists(st.tuples(st.sampled_from(["a", "b", "ä\n"])))):
            snapshot.set(name, rule, labels, draw(st.integers(0, 1000)))
    counts = draw(st.lists(st.integers(0, 9), min_size=3, max_size=3))
    snapshot.set("histogram", "add", (), Buckets(counts, float(draw(st.integers(0, 100)))))
    return snapshot


@given(snapshots())
def test_what_is_encoded_is_decoded(snapshot: Snapshot) -> None:
    assert decode(snapshot.encode()).families == snapshot.families


@given(snapshots(), snapshots())
def test_each_value_is_merged_by_its_rule(first: Snapshot, second: Snapshot) -> None:
    rules: dict[Rule, Callable[[float, float], float]] = {"add": add, "sum": add, "max": max, "min": min}
    whole = merged([first, second])
    for name, rule in NAMES:
        ours, theirs = (one.families[name].series if name in one.families else {} for one in (first, second))
        for labels in ours.keys() | theirs.keys():
            values = [series[labels] for series in (ours, theirs) if labels in series]
            numbers = [value for value in values if not isinstance(value, Buckets)]
            expected = rules[rule](*numbers) if len(numbers) == 2 else numbers[0]
            assert whole.families[name].series[labels] == expected
    histogram = whole.families["histogram"].series[()]
    assert isinstance(histogram, Buckets)
    parts = [one.families["histogram"].series[()] for one in (first, second)]
    assert histogram.total == sum(part.total for part in parts if isinstance(part, Buckets))


@given(snapshots(), snapshots())
def test_merging_changes_neither_part(first: Snapshot, second: Snapshot) -> None:
    before = decode(first.encode()), decode(second.encode())
    merged([first, second])
    assert (first.families, second.families) == (before[0].families, before[1].families)


def test_of_a_process_that_has_ended_only_counts_stay() -> None:
    snapshot = Snapshot()
    for name, rule in NAMES:
        snapshot.set(name, rule, (), 1)
    assert [*snapshot.counted().families] == ["counted"]


def test_histograms_of_another_version_are_not_added() -> None:
    first, second = Snapshot(), Snapshot()
    first.set("histogram", "add", (), Buckets([1, 2], 3.0))
    second.set("histogram", "add", (), Buckets([1, 2, 3], 4.0))
    assert merged([first, second]).families["histogram"].series == {(): Buckets([1, 2, 3], 4.0)}


@pytest.mark.parametrize("data", [b"", b"[]", b'{"a":1}', b'{"a":["add",[1]]}', b"{"])
def test_what_is_no_snapshot_is_not_decoded(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"snapshot|unpack|unexpected|[Ii]nput"):
        decode(data)
