"""The last hour in buckets: what each end adds, what is dropped, and sums over several gateways."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.telemetry.history import (
    BOUNDS_MS,
    BUCKET_SECONDS,
    BUCKETS,
    Bucket,
    EndFacts,
    History,
    Output,
    Totals,
    merge,
    spread,
)

HOUR = BUCKETS * BUCKET_SECONDS
NOW = 1_000_000.0


def end(
    at: float = NOW,
    kind: str = "complete",
    code: str | None = None,
    ttft: float | None = None,
    cost: float | None = 0.0,
    output: Output | None = None,
) -> EndFacts:
    return EndFacts(at, kind, code, ttft, cost, output)


def only(history: History, now: float = NOW) -> Bucket:
    (bucket,) = history.since(0, now)
    return bucket


def test_ends_are_counted_by_kind_code_time_and_cost() -> None:
    history = History()
    history.record_end(end(ttft=0.5, cost=0.25))
    history.record_end(end(NOW + 9, "interrupted", ttft=120, cost=None))
    history.record_end(end(NOW + 9, "error", "stalled", ttft=1e9, cost=0.5))
    bucket = only(history, NOW + 9)
    assert (bucket.at, bucket.complete, bucket.interrupted, bucket.error) == (1_000_000, 1, 1, 1)
    assert bucket.codes == {"stalled": 1}
    assert (bucket.cost_usd, bucket.unpriced) == (0.75, 1)
    assert [index for index, count in enumerate(bucket.ttft) if count] == [0, BOUNDS_MS.index(150), len(BOUNDS_MS)]


def test_tokens_count_for_the_time_in_which_they_came() -> None:
    history = History()
    history.record_end(end(NOW + 25, output=Output(30, NOW + 5, NOW + 25)))
    assert [(bucket.at, bucket.output_tokens) for bucket in history.since(0, NOW + 25)] == [
        (1_000_000, 7.5),
        (1_000_010, 15.0),
        (1_000_020, 7.5),
    ]


def test_what_runs_is_added_only_where_it_is_read() -> None:
    history = History()
    history.record_end(end(output=Output(5, NOW, NOW + 1)))
    running = [Output(10, NOW, NOW + 10), Output(2, NOW + 12, NOW + 12)]
    read = history.since(0, NOW + 12, running)
    assert [(bucket.at, bucket.output_tokens) for bucket in read] == [(1_000_000, 15.0), (1_000_010, 2.0)]
    assert only(history, NOW + 12).output_tokens == 5


def test_only_what_was_added_since_the_last_sample_counts() -> None:
    history = History()
    history.sample(NOW, Totals([1, 0], 10, 0.5))
    history.sample(NOW + 1, Totals([1, 0], 10, 0.5))
    history.sample(NOW + 10, Totals([2, 3], 15, 0.75))
    first, second = history.since(0, NOW + 10)
    assert (first.gaps, first.saved_tokens, first.saved_usd) == ([1, 0], 10, 0.5)
    assert (second.gaps, second.saved_tokens, second.saved_usd) == ([1, 3], 5, 0.25)


def test_what_is_older_than_an_hour_is_dropped() -> None:
    history = History()
    for index in range(BUCKETS + 20):
        history.record_end(end(NOW + index * BUCKET_SECONDS))
    last = NOW + (BUCKETS + 19) * BUCKET_SECONDS
    kept = history.since(0, last)
    assert len(kept) == BUCKETS
    assert kept[0].at == NOW + 20 * BUCKET_SECONDS
    assert history.since(0, last + 2 * HOUR) == []


def test_only_what_ends_after_a_time_is_read() -> None:
    history = History()
    for index in range(3):
        history.record_end(end(NOW + index * BUCKET_SECONDS))
    assert [bucket.at for bucket in history.since(NOW + 10, NOW + 20)] == [1_000_010, 1_000_020]


@given(
    st.floats(0, 1e6, allow_nan=False),
    st.floats(1e6, 1e6 + 2 * HOUR, allow_nan=False),
    st.floats(0, 2 * HOUR, allow_nan=False),
)
def test_no_tokens_are_lost_or_added_by_spreading(tokens: float, begin: float, length: float) -> None:
    parts = spread(Output(tokens, begin, begin + length))
    assert sum(part for _, part in parts) <= tokens * (1 + 1e-6) + 1e-6
    if length <= HOUR:
        assert sum(part for _, part in parts) == pytest.approx(tokens, rel=1e-6, abs=1e-6)
    assert len({at for at, _ in parts}) == len(parts) <= BUCKETS + 1


def test_buckets_of_several_gateways_are_summed_by_time() -> None:
    one = Bucket(10, complete=1, codes={"stalled": 1}, ttft=[1, 2], output_tokens=1.5, cost_usd=0.5)
    other = Bucket(10, error=2, codes={"stalled": 1, "timeout": 1}, ttft=[1, 0], gaps=[4], unpriced=1, saved_tokens=3)
    assert merge([Bucket(20, interrupted=1), one, other]) == [
        Bucket(
            *(10, 1, 0, 2, {"stalled": 2, "timeout": 1}, [2, 2], [4]),
            output_tokens=1.5,
            cost_usd=0.5,
            unpriced=1,
            saved_tokens=3,
        ),
        Bucket(20, interrupted=1),
    ]
    # What is merged is not changed.
    assert one.ttft == [1, 2]
