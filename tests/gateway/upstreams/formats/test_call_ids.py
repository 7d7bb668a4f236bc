"""Ids of tool calls: generated ones, and those that the next provider does not take."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.upstreams.formats.call_ids import MAX_RESPONSE_ID, ToolIds, generate_call_id


@pytest.mark.parametrize(
    ("response_id", "call_id"),
    [
        ("chatcmpl-1", "call_chatcmpl-1_2"),
        ("", "call_2"),
        ("a.b:c d", "call_abcd_2"),
        ("x" * 9000, f"call_{'x' * MAX_RESPONSE_ID}_2"),
    ],
)
def test_a_generated_id(response_id: str, call_id: str) -> None:
    assert generate_call_id(response_id, 2) == call_id


def test_one_id_in_many_turns_takes_time_in_proportion() -> None:
    """Trying all numbers again for each of them would take minutes here."""
    ids = ToolIds()
    assert len({ids.of_call("call_0") for _ in range(30_000)}) == 30_000


def test_an_id_of_another_provider_is_the_same_for_call_and_result() -> None:
    ids = ToolIds(r"[a-zA-Z0-9_-]+")
    mapped = ids.of_call("functions.weather:0")
    assert re.fullmatch(r"functions_weather_0_[0-9a-f]{8}", mapped)
    assert ids.of_result("functions.weather:0") == mapped == ToolIds(r"[a-zA-Z0-9_-]+").of_call("functions.weather:0")
    assert ids.of_call("toolu_01") == "toolu_01"
    assert ids.of_result("unknown") == "unknown"


def test_ids_that_are_used_again_are_told_apart_in_order() -> None:
    ids = ToolIds()
    calls = [ids.of_call("call_0") for _ in range(3)]
    assert calls[0] == "call_0"
    assert len(set(calls)) == 3
    assert [ids.of_result("call_0") for _ in range(4)] == [*calls, calls[-1]]


@given(st.lists(st.text(max_size=100) | st.sampled_from(["a.b", "a:b", "a_b", ""]), max_size=12))
def test_mapped_ids_are_allowed_and_unique(call_ids: list[str]) -> None:
    ids = ToolIds(r"[a-zA-Z0-9_-]+")
    mapped = [ids.of_call(call_id) for call_id in call_ids]
    assert len({*mapped}) == len(mapped)
    assert all(re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", each) for each in mapped)
    assert sorted(ids.of_result(call_id) for call_id in call_ids) == sorted(mapped)
