"""Counts and early closes."""

from gateway.simulator.stats import Stats


def test_early_closes_are_counted_and_only_the_last_are_kept() -> None:
    stats = Stats()
    for number in range(10_003):
        stats.add_close(f"chatcmpl-{number}", number, number * 10)
    kept = stats.recent_closes()
    assert stats.counts()["hung_up"] == 10_003
    assert len(kept) == 10_000
    assert kept[0] == {"id": "chatcmpl-3", "chunks": 3, "at": 30}
