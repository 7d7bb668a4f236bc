"""Principals, their roles, and their restriction to one generation."""

import pytest

from gateway.security.principals import ROLES, GenerationScope, Principal, Role, anonymous


@pytest.mark.parametrize(
    ("roles", "observes", "operates"),
    [(set(), False, False), ({"observe"}, True, False), ({"operate"}, True, True), (ROLES, True, True)],
)
def test_operators_observe_too(roles: set[Role], observes: bool, operates: bool) -> None:
    principal = Principal("alice", "key", roles=frozenset(roles))
    assert (principal.observes, principal.operates) == (observes, operates)


def test_equal_names_of_different_sources_are_different_principals() -> None:
    assert len({Principal("alice", source).id for source in ("address", "key", "token")}) == 3


def test_only_an_anonymous_principal_has_an_address() -> None:
    assert (anonymous("127.0.0.1").address, Principal("127.0.0.1", "key").address) == ("127.0.0.1", "")
    assert anonymous("127.0.0.1").operates


def test_a_restriction_is_added_and_removed_without_another_copy() -> None:
    principal, scope = Principal("alice", "key"), GenerationScope("g")
    restricted = principal.restricted_to(scope)
    assert (restricted.generation_scope, restricted.id) == (scope, principal.id)
    assert restricted.restricted_to(scope) is restricted
    assert restricted.restricted_to(None) == principal


def test_a_credential_is_not_shown() -> None:
    assert "secret" not in repr(Principal("alice", "key", credential="secret"))
