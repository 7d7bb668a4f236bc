"""Which gateways count as dead."""

from gateway.replicas.membership.suspects import Suspects


def test_a_gateway_is_dead_once_it_was_seen_so_for_some_time() -> None:
    suspects = Suspects(confirm=0.25, settle=3)
    suspects.restart(0)
    assert suspects.confirm({"a"}, 10) == []
    assert suspects.is_pending
    assert suspects.confirm({"a", "b"}, 10.25) == ["a"]
    assert suspects.is_pending
    assert suspects.confirm({"b"}, 11) == ["b"]
    assert not suspects.is_pending


def test_one_that_comes_back_is_not_dead() -> None:
    suspects = Suspects(confirm=0.25, settle=3)
    suspects.restart(0)
    suspects.confirm({"a"}, 10)
    assert suspects.confirm(set(), 10.25) == []
    assert suspects.confirm({"a"}, 10.5) == []


def test_nobody_is_dead_until_the_others_had_time_to_renew_their_leases() -> None:
    suspects = Suspects(confirm=0.25, settle=3)
    assert suspects.confirm({"a"}, 10) == []
    suspects.restart(20)
    for now in (20, 21, 22):
        assert suspects.confirm({"a"}, now) == []
    assert suspects.confirm({"a"}, 23) == ["a"]
