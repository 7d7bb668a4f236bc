"""Who tries a server that does not answer, and when."""

import pytest

from gateway.store.errors import StoreError
from gateway.store.redis.availability import FIRST_DELAY, MAX_DELAY, Availability

GONE = StoreError("unreachable", "gone")


def down(now: float = 0.0) -> Availability:
    """Return a server that has failed."""
    server = Availability()
    assert not server.enter(now)
    server.on_failure(GONE, now, is_probe=False)
    return server


def test_all_use_a_server_that_answers() -> None:
    server = Availability()
    assert not any(server.enter(0.0) for _ in range(3))
    server.on_success(is_probe=False)
    assert not server.enter(0.0)


def test_nothing_is_tried_until_the_delay_is_over() -> None:
    server = down()
    with pytest.raises(StoreError, match="gone"):
        server.enter(FIRST_DELAY * 0.49)
    assert server.enter(FIRST_DELAY)


def test_one_caller_tries_and_the_others_fail() -> None:
    server = down()
    assert server.enter(1.0)
    for _ in range(3):
        with pytest.raises(StoreError, match="gone"):
            server.enter(1.0)
    server.on_success(is_probe=True)
    assert not server.enter(1.0)


def test_another_tries_when_the_one_that_tried_was_cancelled() -> None:
    server = down()
    assert server.enter(1.0)
    server.leave(is_probe=True)
    assert server.enter(1.0)


def test_delays_grow_to_a_bound() -> None:
    server, now, delays = down(), 0.0, list[float]()
    for _ in range(12):
        started = now
        while True:
            now += 0.001
            try:
                assert server.enter(now)
                break
            except StoreError:
                continue
        delays.append(now - started)
        server.on_failure(GONE, now, is_probe=True)
    assert delays[0] <= FIRST_DELAY + 0.002
    assert all(MAX_DELAY / 2 <= delay <= MAX_DELAY + 0.002 for delay in delays[-5:])


def test_uses_that_fail_side_by_side_count_once() -> None:
    server = Availability()
    for _ in range(20):
        server.enter(0.0)
    for _ in range(20):
        server.on_failure(GONE, 0.0, is_probe=False)
    assert server.enter(FIRST_DELAY)


def test_a_success_that_began_before_the_failure_does_not_end_it() -> None:
    server = Availability()
    server.enter(0.0)
    server.enter(0.0)
    server.on_failure(GONE, 0.0, is_probe=False)
    server.on_success(is_probe=False)
    with pytest.raises(StoreError):
        server.enter(0.0)


def test_each_caller_gets_an_error_of_its_own() -> None:
    """An exception that is raised twice would collect both tracebacks."""
    server = down()
    with pytest.raises(StoreError) as error:
        server.enter(0.0)
    assert error.value is not GONE
    assert error.value.fault == "unreachable"
