"""Which texts of a response are new, and which are repetitions."""

import pytest

from gateway.protocol.commands import JsonObject
from gateway.upstreams.formats.openai_responses_texts import StreamedTexts, TextKey


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (TextKey(0, "a", 0), TextKey(0, "b", 0), True),
        (TextKey(0, "a", 0), TextKey(0, "a", 1), False),
        (TextKey(0, "a", 0), TextKey(1, "a", 0), True),
        (TextKey(0, "a", 0), TextKey(1, "b", 0), False),
        (TextKey(0, None, 0), TextKey(1, None, 0), False),
        (TextKey(None, None, None), TextKey(1, "b", 2), True),
        (TextKey(None, "a", 0), TextKey(1, "b", None), True),
    ],
)
def test_only_a_clear_difference_counts(one: TextKey, other: TextKey, *, same: bool) -> None:
    assert one.belongs_to(other) is other.belongs_to(one) is same


def test_keys_of_events_and_items() -> None:
    event: JsonObject = {"output_index": 1, "item_id": "a", "content_index": 2}
    assert TextKey.of(event) == (1, "a", 2)
    assert TextKey.of({"summary_index": 3, "item_id": "", "output_index": True}) == (None, None, 3)
    assert TextKey.of_item({"id": "a"}, 4) == (4, "a", None)


def test_a_whole_part_repeats_deltas_but_no_other_whole_part() -> None:
    parts, unknown = StreamedTexts(), TextKey(None, None, None)
    parts.add_delta("text", unknown)
    assert [parts.at_boundary, parts.add_whole("text", unknown)] == [False, False]
    assert not parts.add_whole("text", unknown)
    assert parts.add_whole("refusal", unknown)
    assert parts.add_whole("refusal", unknown)
    assert parts.at_boundary
    assert (parts.close_item("text", unknown), parts.close_item("refusal", unknown)) == (1, 2)
    assert parts.close_item("text", unknown) == 0


def test_parts_of_the_whole_response_are_counted_off() -> None:
    parts, first = StreamedTexts(), TextKey(0, "a", 0)
    assert "text" not in parts
    parts.add_delta("text", first)
    parts.close_item("text", first)
    parts.deliver("text", 1)
    parts.add_delta("text", TextKey(2, "c", 0))
    assert "text" in parts
    assert [parts.take_delivered("text", count) for count in (2, 2, 2)] == [2, 1, 0]


def test_many_parts_of_one_item_are_closed_together() -> None:
    """Comparing each of them with all others would take minutes here."""
    parts, count = StreamedTexts(), 50_000
    assert all(parts.add_whole("text", TextKey(0, "a", part)) for part in range(count))
    assert parts.close_item("text", TextKey(0, "a", None)) == count
    for part in range(count):
        parts.add_delta("text", TextKey(0, "a", part))
    assert not any(parts.add_whole("text", TextKey(0, "a", part)) for part in range(count))


def test_a_new_id_with_each_delta_is_no_new_part() -> None:
    """LiteLLM sends one: keeping all of them would cost more memory than the text."""
    parts = StreamedTexts()
    for number in range(1000):
        parts.add_delta("text", TextKey(0, f"id {number}", 0))
    assert not parts.add_whole("text", TextKey(0, "another", 0))
    assert parts.close_item("text", TextKey(0, "again another", None)) == 1
