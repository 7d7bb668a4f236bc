"""When a worker that has ended is started again, as values."""

import signal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.server.workers.restarts import DEFAULT_POLICY, RestartPolicy, describe_end, exit_code


def test_the_wait_grows_with_each_early_end_in_a_row() -> None:
    policy = RestartPolicy(base=0.5, longest=10, stable=10, max_early_ends=8)
    early_ends, delays = 0, []
    for _ in range(8):
        early_ends = policy.early_ends(early_ends, 0.3)
        delays.append(policy.delay(early_ends))
    assert delays == [0.5, 1, 2, 4, 8, 10, 10, None]


def test_a_worker_that_was_stable_is_replaced_at_once() -> None:
    assert DEFAULT_POLICY.early_ends(7, DEFAULT_POLICY.stable) == 0
    assert DEFAULT_POLICY.delay(0) == 0


@given(st.lists(st.floats(0, 100), max_size=50))
def test_a_wait_is_bounded_and_only_early_ends_in_a_row_end_it_all(lifetimes: list[float]) -> None:
    early_ends = 0
    for index, lifetime in enumerate(lifetimes):
        early_ends = DEFAULT_POLICY.early_ends(early_ends, lifetime)
        delay = DEFAULT_POLICY.delay(early_ends)
        last = lifetimes[max(0, index + 1 - DEFAULT_POLICY.max_early_ends) : index + 1]
        is_last = len(last) == DEFAULT_POLICY.max_early_ends and max(last) < DEFAULT_POLICY.stable
        assert (delay is None) is is_last
        if delay is None:
            break
        assert 0 <= delay <= DEFAULT_POLICY.longest


@pytest.mark.parametrize(
    ("code", "text"),
    [(0, "ended with code 0"), (2, "ended with code 2"), (-9, "was ended by SIGKILL"), (-77, "was ended by signal 77")],
)
def test_an_end_is_described_by_its_code_or_signal(code: int, text: str) -> None:
    assert describe_end(code) == text


def test_only_a_signal_that_asks_for_the_end_is_no_failure() -> None:
    assert exit_code(3, is_asked_to_end=True) == 3
    assert exit_code(-signal.SIGTERM, is_asked_to_end=True) == 0
    assert exit_code(-signal.SIGTERM, is_asked_to_end=False) == 1
    assert exit_code(-signal.SIGKILL, is_asked_to_end=True) == 1
