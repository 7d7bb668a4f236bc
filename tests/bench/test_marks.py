"""What the ledger finds."""

import pytest

from tests.bench.marks import MARK, Faults, Ledger


def arrive(*sequences: int, stream: int = 7) -> Ledger:
    ledger = Ledger()
    text = b" ".join(b"@1000.%d.%d@" % (sequence, stream) for sequence in sequences)
    ledger.enter(MARK.findall(text), 3000, [])
    return ledger


@pytest.mark.parametrize(
    ("sequences", "faults"),
    [
        ((0, 1, 2, 3), Faults()),
        ((0, 1, 3), Faults(lost=1)),
        ((0, 1), Faults(lost=2)),
        ((), Faults(lost=4)),
        ((0, 1, 1, 2, 3), Faults(doubled=1)),
        ((0, 2, 1, 3), Faults(disordered=1)),
        ((0, 1, 2, 3, 4), Faults(doubled=1)),
        ((3, 2, 1, 0), Faults(disordered=3)),
    ],
)
def test_of_four_tokens_each_fault_is_counted(sequences: tuple[int, ...], faults: Faults) -> None:
    assert arrive(*sequences).close(4) == faults


def test_without_an_expected_end_only_holes_are_losses() -> None:
    assert arrive(0, 1).close(None) == Faults()
    assert arrive(0, 2).close(None) == Faults(lost=1)


def test_tokens_of_another_stream_are_foreign() -> None:
    ledger = arrive(0, 1)
    ledger.enter(MARK.findall(b"@1000.2.8@"), 3000, [])
    assert ledger.close(2) == Faults(foreign=1)
    assert ledger.stream == 7


def test_the_delay_is_from_making_to_arrival() -> None:
    delays: list[int] = []
    Ledger().enter(MARK.findall(b"@1000.0.1@@1500.1.1@"), 3000, delays)
    assert delays == [2000, 1500]
