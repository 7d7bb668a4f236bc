"""The newest ends, by number."""

from gateway.telemetry.recent import MAX_RECENT, Recent


def test_entries_after_a_number_are_returned_newest_first() -> None:
    recent = Recent[str]()
    assert recent.after(0) == []
    for entry in "abc":
        recent.add(entry)
    assert recent.last == 3
    assert recent.after(0) == ["c", "b", "a"]
    assert recent.after(2) == ["c"]
    assert recent.after(3) == []


def test_a_number_of_another_process_counts_as_none() -> None:
    recent = Recent[str]()
    recent.add("a")
    assert recent.after(7) == ["a"]


def test_the_oldest_make_room() -> None:
    recent = Recent[int]()
    for entry in range(MAX_RECENT + 5):
        recent.add(entry)
    kept = recent.after(0)
    assert (len(kept), kept[0], kept[-1]) == (MAX_RECENT, MAX_RECENT + 4, 5)
    assert recent.after(1) == kept
    assert recent.after(MAX_RECENT + 4) == [MAX_RECENT + 4]
