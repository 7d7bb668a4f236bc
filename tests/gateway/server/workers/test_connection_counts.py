"""The counts of connections that workers share."""

from collections.abc import Iterator
from contextlib import closing
from tempfile import TemporaryFile

import pytest

from gateway.server.workers.connection_counts import NOT_ACCEPTING, ConnectionCounts, create_counts


@pytest.fixture(params=["memory", "file"])
def counts(request: pytest.FixtureRequest) -> Iterator[ConnectionCounts]:
    # Closed with the counts.
    file = TemporaryFile(buffering=0) if request.param == "file" else None  # noqa: SIM115
    with closing(create_counts(3, file)) as created:
        yield created


def test_only_workers_that_accept_are_compared(counts: ConnectionCounts) -> None:
    assert counts.least() == NOT_ACCEPTING
    counts.publish(0, 5)
    counts.publish(2, 3)
    assert counts.least() == 3
    counts.publish(2, NOT_ACCEPTING)
    assert counts.least() == 5


def test_the_slot_of_a_worker_that_has_ended_is_used_again_and_empty(counts: ConnectionCounts) -> None:
    assert [counts.claim() for _ in range(3)] == [0, 1, 2]
    counts.publish(1, 0)
    with pytest.raises(LookupError):
        counts.claim()
    counts.release(1)
    assert counts.least() == NOT_ACCEPTING
    assert counts.claim() == 1
