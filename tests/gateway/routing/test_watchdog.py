"""Each time limit has its code; content resets the right ones."""

from gateway.protocol.events import Chunk
from gateway.routing.watchdog import Limits, Watchdog

LIMITS = Limits(
    total_timeout=100, first_token_timeout=30, stall_timeout=10, min_chars_per_second=5, rate_window=4, usage_timeout=2
)


def code_at(watchdog: Watchdog, now: float) -> str | None:
    failure = watchdog.find_failure(now)
    return failure.code.value if failure else None


def test_each_limit_has_its_code() -> None:
    waiting = Watchdog(LIMITS, first_call=0, began=0)
    assert (waiting.next_check(), code_at(waiting, 29.9), code_at(waiting, 30)) == (30, None, "first_token_timeout")
    streaming = Watchdog(Limits(stall_timeout=10), 0, 0)
    assert streaming.record_content([Chunk("x" * 5)], 20)
    assert not streaming.record_content([Chunk("x" * 5)], 25)
    assert (streaming.next_check(), code_at(streaming, 34.9), code_at(streaming, 35)) == (35, None, "stalled")
    late = Watchdog(LIMITS, first_call=0, began=90)
    assert (late.next_check(), code_at(late, 100)) == (100, "timeout")


def test_the_minimum_rate_is_checked_per_window() -> None:
    watchdog = Watchdog(LIMITS, 0, 0)
    watchdog.record_content([Chunk("x" * 20)], 0)
    assert (watchdog.next_check(), code_at(watchdog, 4)) == (4, None)
    watchdog.record_content([Chunk("x" * 19)], 7)
    assert (watchdog.next_check(), code_at(watchdog, 8)) == (8, "too_slow")


def test_after_the_end_mark_only_usage_is_awaited() -> None:
    watchdog = Watchdog(LIMITS, 0, 0)
    watchdog.record_content([Chunk("x" * 1)], 1)
    watchdog.record_finish(1)
    assert (watchdog.next_check(), code_at(watchdog, 1000)) == (3, None)
    assert not watchdog.is_complete(2.9)
    assert watchdog.is_complete(3)


def test_content_takes_the_end_mark_back() -> None:
    watchdog = Watchdog(LIMITS, 0, 0)
    watchdog.record_content([Chunk("x")], 1)
    watchdog.record_finish(1)
    watchdog.record_content([Chunk("x")], 2)
    assert not watchdog.is_complete(1000)
    assert code_at(watchdog, 1000) is not None
    watchdog.record_finish(3)
    assert watchdog.is_complete(5)


def test_without_limits_nothing_expires() -> None:
    watchdog = Watchdog(Limits(total_timeout=0, first_token_timeout=0, stall_timeout=0), 0, 0)
    assert watchdog.next_check() is None
    watchdog.record_content([Chunk("x" * 1)], 1)
    assert watchdog.next_check() is None
