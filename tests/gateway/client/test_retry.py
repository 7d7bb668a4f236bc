"""Backoff, and when it ends."""

import pytest

from gateway.client.frames import (
    ConnectionLost,
)
from gateway.client.retry import Retries, RetryNotice, RetryPolicy
from gateway.protocol.errors import Code, Failed, Refused, invalid


def test_waits_double_up_to_the_cap_and_are_jittered_fully() -> None:
    retries = Retries(base_s=0.5, cap_s=3.0)
    assert [retries.delay(failure, 1.0) for failure in (1, 2, 3, 4, 5)] == [0.5, 1.0, 2.0, 3.0, 3.0]
    assert retries.delay(4, 0.25) == 0.75
    assert retries.delay(4, 0.0) == 0.0


class _Waits:
    """Records the waits and notices of a policy instead of sleeping."""

    def __init__(self) -> None:
        self.waits: list[float] = []
        self.notices: list[RetryNotice] = []

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)

    def policy(self, failures: int, retries: Retries) -> RetryPolicy:
        return RetryPolicy(retries, failures, sleep=self.sleep, random=lambda: 1.0, notice=self.notices.append)


async def test_a_policy_gives_up_with_the_cause_and_is_reset_by_progress() -> None:
    waits = _Waits()
    policy = waits.policy(3, Retries(base_s=1.0))
    await policy.wait_after(ConnectionLost("cut"))
    await policy.wait_after(ConnectionLost("cut"))
    policy.reset()
    await policy.wait_after(ConnectionLost("cut"))
    await policy.wait_after(ConnectionLost("cut"))
    with pytest.raises(Failed, match=r"cut \(tried 3 times\)") as failed:
        await policy.wait_after(ConnectionLost("cut"))
    assert failed.value.code is Code.NETWORK_ERROR
    assert waits.waits == [1.0, 2.0, 1.0, 2.0]
    assert waits.notices[1] == RetryNotice("cut", 2, 3, 2.0)


async def test_the_wait_of_a_refusal_is_added_to_the_backoff() -> None:
    waits = _Waits()
    await waits.policy(3, Retries(base_s=1.0)).wait_after(Refused(Code.RATE_LIMIT, "Slower.", retry_after_ms=4000))
    assert waits.waits == [5.0]


@pytest.mark.parametrize("refused", [invalid("no"), Refused(Code.RATE_LIMIT, "Tomorrow.", retry_after_ms=86_400_000)])
async def test_a_refusal_that_a_retry_can_not_help_is_raised_at_once(refused: Refused) -> None:
    waits = _Waits()
    with pytest.raises(Refused) as raised:
        await waits.policy(3, Retries()).wait_after(refused)
    assert raised.value is refused
    assert waits.waits == []
