"""Keys, and on which node of a cluster they are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.crc import key_slot

from gateway.store.redis.keys import Keys, milliseconds
from gateway.toml.problems import ConfigurationError

KEYS = Keys("p")
TAGS = st.text(max_size=9) | st.text("{}%a", max_size=5)


@given(TAGS)
def test_keys_with_one_tag_are_on_one_node(tag: str) -> None:
    names = [KEYS.tagged("role", tag), KEYS.tagged("role", tag, "log"), KEYS.tagged("other", tag)]
    assert len({key_slot(name.encode()) for name in names}) == 1


@given(TAGS, TAGS)
def test_other_tags_have_other_keys(one: str, other: str) -> None:
    assert (KEYS.tagged("role", one) == KEYS.tagged("role", other)) == (one == other)


def test_deployments_have_keys_of_their_own() -> None:
    assert Keys("a").generation("g") == ("a:gen:{g}", "a:gen:{g}:log")
    assert Keys("b").inbox("r") == "b:inbox:{r}"


@pytest.mark.parametrize("prefix", ["", "a{b", "a b", "ä", "x" * 101])
def test_a_prefix_that_would_change_the_tags_is_refused(prefix: str) -> None:
    with pytest.raises(ConfigurationError, match="store_prefix: must have 1 to 64 letters"):
        Keys(prefix)


def test_a_time_is_at_least_a_millisecond() -> None:
    assert [milliseconds(seconds) for seconds in (0, 0.0001, 1.5)] == [1, 1, 1500]
