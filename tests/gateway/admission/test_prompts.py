"""The memory of prompts: a bound for all, a share for each client, and nothing that stays counted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.admission.limits import AddressLimit
from gateway.admission.prompts import PromptMemory
from gateway.protocol.errors import Code, Refused

SHARED = AddressLimit(None, 400)


def test_a_client_has_a_share_and_all_have_a_bound() -> None:
    memory = PromptMemory(1000, SHARED)
    first = memory.reserve("a", "", 300)
    with pytest.raises(Refused) as refused:
        first.grow(101)
    assert (refused.value.code, refused.value.status, refused.value.param) == (Code.RATE_LIMIT, 429, "messages")
    assert "max_prompt_bytes_per_client" in refused.value.message
    assert refused.value.retry_after_ms
    memory.reserve("b", "", 400)
    with pytest.raises(Refused) as refused:
        memory.reserve("c", "", 301)
    assert (refused.value.code, refused.value.status) == (Code.QUEUE_FULL, 503)
    assert "(max_prompt_bytes)" in refused.value.message
    assert (memory.used, first.size) == (700, 300)
    first.release()
    first.release()
    assert memory.used == 400
    memory.reserve("c", "", 301)


def test_loopback_without_keys_has_all_of_it() -> None:
    memory = PromptMemory(1000, SHARED)
    memory.reserve("address:127.0.0.1", "127.0.0.1", 1000)
    assert memory.used == 1000


def test_a_prompt_that_never_fits_is_told_so() -> None:
    with pytest.raises(Refused) as refused:
        PromptMemory(1000).reserve("a", "", 1001)
    assert (refused.value.status, refused.value.retryable) == (413, False)
    assert "1001 bytes" in refused.value.message


def test_what_is_held_already_is_counted_without_a_refusal() -> None:
    memory = PromptMemory(100)
    reservation = memory.reserve("a", "", 90)
    with pytest.raises(Refused):
        reservation.check(11)
    reservation.resize(120)
    assert memory.used == 120
    with pytest.raises(Refused):
        memory.reserve("b", "", 1)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 200)), max_size=20))
def test_without_a_limit_everything_fits_and_nothing_stays(sizes: list[tuple[str, int]]) -> None:
    memory = PromptMemory()
    reservations = [memory.reserve(client, "", size) for client, size in sizes]
    assert memory.used == sum(size for _, size in sizes)
    for reservation in reservations:
        reservation.release()
    assert (memory.used, memory._clients) == (0, {})
