"""Faults that are found by the stamps of tokens."""

import pytest

from tests.bench.stamps import STAMP, TokenFaults, TokenTracker


def tracker_of(*sequences: int, stream: int = 7) -> TokenTracker:
    tracker = TokenTracker()
    text = b" ".join(b"@1000.%d.%d@" % (sequence, stream) for sequence in sequences)
    tracker.record(STAMP.findall(text), 3000, [])
    return tracker


@pytest.mark.parametrize(
    ("sequences", "faults"),
    [
        ((0, 1, 2, 3), TokenFaults()),
        ((0, 1, 3), TokenFaults(lost=1)),
        ((0, 1), TokenFaults(lost=2)),
        ((), TokenFaults(lost=4)),
        ((0, 1, 1, 2, 3), TokenFaults(duplicated=1)),
        ((0, 2, 1, 3), TokenFaults(reordered=1)),
        ((0, 1, 2, 3, 4), TokenFaults(duplicated=1)),
        ((3, 2, 1, 0), TokenFaults(reordered=3)),
    ],
)
def test_of_four_tokens_each_fault_is_counted(sequences: tuple[int, ...], faults: TokenFaults) -> None:
    assert tracker_of(*sequences).finish(4) == faults


def test_without_an_expected_end_only_gaps_are_losses() -> None:
    assert tracker_of(0, 1).finish(None) == TokenFaults()
    assert tracker_of(0, 2).finish(None) == TokenFaults(lost=1)


def test_tokens_of_another_stream_are_foreign() -> None:
    tracker = tracker_of(0, 1)
    tracker.record(STAMP.findall(b"@1000.2.8@"), 3000, [])
    assert tracker.finish(2) == TokenFaults(foreign=1)
    assert tracker.stream == 7


def test_the_delay_is_from_sending_to_arrival() -> None:
    delays: list[int] = []
    TokenTracker().record(STAMP.findall(b"@1000.0.1@@1500.1.1@"), 3000, delays)
    assert delays == [2000, 1500]
