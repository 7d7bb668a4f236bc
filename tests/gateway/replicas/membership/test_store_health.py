"""Whether the store can be used, and what the log tells about it."""

import pytest

from gateway.protocol.errors import Code
from gateway.replicas.membership.store_health import StoreHealth
from gateway.store.errors import StoreError
from tests.manual_clock import ManualClock


def connected(clock: ManualClock) -> StoreHealth:
    health = StoreHealth(clock)
    health.is_connected = True
    health.on_success(0)
    return health


def test_it_can_be_used_from_the_first_success_on() -> None:
    health = StoreHealth(ManualClock())
    assert (health.is_up, health.can_read) == (False, False)
    health.is_connected = True
    health.on_success(0)
    assert (health.is_up, health.can_read) == (True, True)


def test_the_log_tells_a_loss_and_its_end_once_each(caplog: pytest.LogCaptureFixture) -> None:
    clock = ManualClock()
    health = connected(clock)
    for _ in range(3):
        health.on_error(StoreError("unreachable", "no connection to 10.0.0.1:6379"))
        clock.advance(1)
    health.on_success(17)
    assert [record.getMessage() for record in caplog.records] == [
        "the store can't be used (unreachable): no connection to 10.0.0.1:6379",
        "the store can be used again, after 3.0 s: 17 generations were written",
    ]
    assert health.outages == 1


def test_a_store_that_comes_and_goes_does_not_flood_the_log(caplog: pytest.LogCaptureFixture) -> None:
    clock = ManualClock()
    health = connected(clock)
    for _ in range(50):
        health.on_error(StoreError("timeout", "no reply"))
        clock.advance(1)
        health.on_success(0)
    # Every ten seconds, a loss and its end.
    assert len(caplog.records) == 2 * 5
    assert health.outages == 50


def test_a_loss_that_was_not_told_at_once_is_told_if_it_lasts(caplog: pytest.LogCaptureFixture) -> None:
    clock = ManualClock()
    health = connected(clock)
    health.on_error(StoreError("timeout", "no reply"))
    health.on_success(0)
    caplog.clear()
    for _ in range(20):
        health.on_error(StoreError("timeout", "no reply"))
        clock.advance(1)
    assert len(caplog.records) == 1
    health.on_success(2)
    assert caplog.records[-1].getMessage() == "the store can be used again, after 20.0 s: 2 generations were written"


def test_another_reason_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    health = connected(ManualClock())
    health.on_error(StoreError("unreachable", "a"))
    health.on_error(StoreError("refused", "b"))
    assert len(caplog.records) == 2
    assert health.outages == 1


@pytest.mark.parametrize(("fault", "readable"), [("full", True), ("read_only", True), ("unreachable", False)])
def test_a_store_that_stores_nothing_may_be_read(fault: str, readable: bool) -> None:
    health = connected(ManualClock())
    health.on_error(StoreError(fault, "message"))  # type: ignore[arg-type]
    assert not health.is_up
    assert health.can_read is readable


def test_it_is_tried_again_soon_at_random_times() -> None:
    health = connected(ManualClock())
    assert health.delay(1) == 1
    health.on_error(StoreError("timeout", "no reply"))
    assert all(0.125 <= health.delay(1) <= 0.25 for _ in range(20))
    health.on_success(0)
    assert health.delay(1) == 1


def test_what_needs_it_is_refused_for_now() -> None:
    health = connected(ManualClock())
    health.on_error(StoreError("full", "OOM command not allowed"))
    refused = health.unavailable()
    assert (refused.code, refused.status, refused.retryable, refused.retry_after_ms) == (
        *(Code.SERVER_ERROR, 503, True, 1000),
    )
    assert "full" in refused.message


def test_figures() -> None:
    clock = ManualClock()
    health = connected(clock)
    assert health.stats() == {"up": True, "fault": None, "down_seconds": None, "outages": 0}
    health.on_error(StoreError("full", "OOM command not allowed"))
    clock.advance(2.5)
    assert health.stats() == {"up": False, "fault": "full", "down_seconds": 2.5, "outages": 1}
