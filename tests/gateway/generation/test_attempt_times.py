"""When an attempt was started, opened, brought its first content, and ended."""

from gateway.generation.attempt_times import AttemptTimes


def test_moments_that_have_not_come_stay_unknown() -> None:
    assert AttemptTimes(1.0, None, 2.0).shifted(10) == AttemptTimes(11.0, None, 12.0, None)
