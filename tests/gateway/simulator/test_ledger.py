from gateway.simulator.ledger import Ledger


def test_hang_ups_are_counted_and_only_the_last_are_kept() -> None:
    ledger = Ledger()
    for number in range(10_003):
        ledger.close(f"chatcmpl-{number}", number, number * 10)
    kept = ledger.recent_closes()
    assert ledger.stats()["hung_up"] == 10_003
    assert len(kept) == 10_000
    assert kept[0] == {"id": "chatcmpl-3", "chunks": 3, "at": 30}
