"""Throttle for log messages."""

from gateway.log_throttle import INTERVAL, MAX_KEYS, CountingLogThrottle, KeyedLogThrottle, LogThrottle


def test_a_message_is_due_at_first_and_then_once_per_interval() -> None:
    throttle = LogThrottle()
    assert throttle.is_due(0.0)
    assert not throttle.is_due(INTERVAL - 1)
    assert throttle.is_due(INTERVAL)
    assert not throttle.is_due(INTERVAL + 1)


def test_a_message_about_each_key_is_due_once_per_interval() -> None:
    throttle = KeyedLogThrottle()
    assert [throttle.is_due(key, 0.0) for key in ("a", "b", "a")] == [True, True, False]
    assert [throttle.is_due(key, INTERVAL) for key in ("a", "a", "b")] == [True, False, True]


def test_the_number_of_keys_is_bounded() -> None:
    throttle = KeyedLogThrottle()
    assert sum(throttle.is_due(str(number), 0.0) for number in range(10 * MAX_KEYS)) == MAX_KEYS
    assert throttle.is_due("new", INTERVAL)


def test_what_is_not_logged_is_counted_by_key() -> None:
    throttle = CountingLogThrottle()
    assert [throttle.count(key, 0.0) for key in ("a", "a", "b", "a")] == [1, 0, 1, 0]
    assert [throttle.count(key, INTERVAL) for key in ("a", "b", "b")] == [3, 1, 0]
