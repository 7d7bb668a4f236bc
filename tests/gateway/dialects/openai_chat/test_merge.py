"""Merging parts."""

from gateway.dialects.openai_chat.merge import MergedList, MergedObject
from gateway.protocol.commands import JsonObject


def merged(*deltas: JsonObject) -> JsonObject:
    """Return the sum of parts."""
    total = MergedObject()
    for delta in deltas:
        total.add(delta)
    return total.value()


def test_texts_are_continued_and_names_are_not() -> None:
    assert merged({"role": "assistant", "content": "a"}, {"role": "assistant", "content": "b"}) == {
        "role": "assistant",
        "content": "ab",
    }


def test_objects_are_merged_and_other_values_replaced() -> None:
    assert merged({"a": {"text": "x", "n": 1}, "flag": False}, {"a": {"text": "y", "n": 2}, "flag": None}) == {
        "a": {"text": "xy", "n": 2},
        "flag": False,
    }


def test_null_replaces_nothing_but_is_kept() -> None:
    assert merged({"refusal": None}, {"refusal": "no"}, {"refusal": None}) == {"refusal": "no"}
    assert merged({"refusal": None}) == {"refusal": None}


def test_items_with_an_index_are_merged_and_others_follow() -> None:
    items = MergedList()
    items.add([{"index": 0, "id": "c", "function": {"name": "f", "arguments": ""}}])
    items.add([{"index": 1, "id": "d"}, {"index": 0, "function": {"arguments": "{}"}}])
    items.add([{"no": "index"}, 5])
    assert items.value() == [
        {"index": 0, "id": "c", "function": {"name": "f", "arguments": "{}"}},
        {"index": 1, "id": "d"},
        {"no": "index"},
        5,
    ]
