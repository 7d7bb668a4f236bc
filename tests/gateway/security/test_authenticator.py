"""Credentials: which are accepted, and what the refusals reveal."""

from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.admission.limits import PrincipalLimits
from gateway.protocol.errors import Code, Refused
from gateway.security.api_keys import ApiKey, StoredKey, generate_key, hash_secret
from gateway.security.authenticator import (
    ApiKeyScheme,
    Authenticator,
    bearer_credential,
    expired_credential,
    invalid_credential,
    missing_credential,
)
from gateway.security.principals import ROLES, Principal, anonymous


@dataclass
class Time:
    unix: float = 1000.0

    def __call__(self) -> float:
        return self.unix


KEY = generate_key()
ALICE = StoredKey("alice", KEY.id, hash_secret(KEY.secret), expires=2000.0, models=frozenset({"m"}))


def shows(credential: str) -> dict[str, str]:
    return {"authorization": f"Bearer {credential}"}


async def refusal(authenticator: Authenticator, headers: dict[str, str]) -> Refused:
    with pytest.raises(Refused) as refused:
        await authenticator.authenticate(bearer_credential(headers), "::1")
    assert (refused.value.code, refused.value.status) == (Code.AUTH_ERROR, 401)
    return refused.value


async def test_without_schemes_every_client_is_admitted() -> None:
    for credential in (None, "anything"):
        principal = await Authenticator().authenticate(credential, "127.0.0.1")
        assert principal == anonymous("127.0.0.1")
        assert principal.roles == ROLES
        assert Authenticator().renew(principal) is principal


async def test_a_key_identifies_its_principal() -> None:
    authenticator = Authenticator([ApiKeyScheme([ALICE])], Time())
    for scheme in ("Bearer", "bearer", "BEARER "):
        principal = await authenticator.authenticate(
            bearer_credential({"authorization": f"{scheme} {KEY.text()}"}), "::1"
        )
        assert (principal.id, principal.models, principal.roles) == ("key:alice", frozenset({"m"}), frozenset())


async def test_every_invalid_credential_gets_the_same_refusal() -> None:
    authenticator = Authenticator([ApiKeyScheme([ALICE])], Time())
    assert (await refusal(authenticator, {})).message == missing_credential().message
    other = generate_key()
    for credential in (ApiKey(KEY.id, other.secret).text(), other.text(), "ds_", "x", "a.b.c", "é", "x" * 9000):
        assert (await refusal(authenticator, shows(credential))).body() == invalid_credential().body()
    for header in ("", "Bearer", "Basic eDp5", KEY.text()):
        assert (await refusal(authenticator, {"authorization": header})).body() == invalid_credential().body()


async def test_only_the_holder_of_the_secret_learns_that_a_key_has_expired() -> None:
    time = Time()
    authenticator = Authenticator([ApiKeyScheme([ALICE])], time)
    principal = await authenticator.authenticate(KEY.text(), "::1")
    time.unix = 2000
    assert (await refusal(authenticator, shows(KEY.text()))).message == expired_credential().message
    assert (
        await refusal(authenticator, shows(ApiKey(KEY.id, generate_key().secret).text()))
    ).message == invalid_credential().message
    with pytest.raises(Refused, match="expired"):
        authenticator.renew(principal)


async def test_with_an_empty_key_file_every_client_is_refused() -> None:
    assert (await refusal(Authenticator([ApiKeyScheme([])]), shows(KEY.text()))).message == invalid_credential().message


async def test_a_principal_is_renewed_until_its_key_is_revoked() -> None:
    authenticator = Authenticator([ApiKeyScheme([ALICE])], Time())
    principal = await authenticator.authenticate(KEY.text(), "::1")
    limits = PrincipalLimits(max_concurrent=1)
    authenticator.replace_schemes([ApiKeyScheme([StoredKey("alice", KEY.id, ALICE.hash, limits=limits)])])
    assert authenticator.renew(principal) == Principal(
        "alice", "key", limits=limits, credential=f"{KEY.id}:{hash_secret(KEY.secret)}"
    )
    authenticator.replace_schemes([ApiKeyScheme([StoredKey("alice", "another1", ALICE.hash)])])
    with pytest.raises(Refused, match="not valid"):
        authenticator.renew(principal)


def test_once_keys_are_required_addresses_are_refused_and_it_stays_so() -> None:
    authenticator = Authenticator()
    authenticator.replace_schemes([ApiKeyScheme([])])
    with pytest.raises(Refused, match="requires a key"):
        authenticator.renew(anonymous("::1"))
    authenticator.replace_schemes([])
    assert not authenticator.allows_anonymous


@given(st.dictionaries(st.sampled_from(["authorization", "x"]), st.text(max_size=40)))
def test_any_authorization_header_is_read_or_refused(headers: dict[str, str]) -> None:
    try:
        found = bearer_credential(headers)
    except Refused as refused:
        assert refused.code is Code.AUTH_ERROR
    else:
        assert (found is None) == ("authorization" not in headers)
        assert found is None or found in headers["authorization"]


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ({"x-api-key": "a"}, "a"),
        ({"x-goog-api-key": "b"}, "b"),
        ({"x-api-key": "a", "x-goog-api-key": "b"}, "a"),
        ({"authorization": "Bearer c", "x-api-key": "a"}, "c"),
        ({"x-api-key": ""}, None),
    ],
)
def test_a_key_may_come_in_the_header_of_an_api(headers: dict[str, str], found: str | None) -> None:
    assert bearer_credential(headers) == found


def test_a_wrong_authorization_is_not_replaced_by_a_key() -> None:
    with pytest.raises(Refused, match="not valid"):
        bearer_credential({"authorization": "Basic x", "x-api-key": "a"})


async def test_a_new_secret_under_the_same_id_ends_the_old_credential() -> None:
    authenticator = Authenticator([ApiKeyScheme([ALICE])], Time())
    principal = await authenticator.verify_credential(KEY.text())
    ticket, _ = await authenticator.issue_ticket(principal, "socket", "")
    authenticator.replace_schemes([ApiKeyScheme([replace(ALICE, hash=hash_secret("another"))])])
    with pytest.raises(Refused) as refused:
        authenticator.renew(principal)
    assert refused.value.body() == invalid_credential().body()
    with pytest.raises(Refused):
        await authenticator.redeem_ticket(ticket, "socket", "")
    authenticator.replace_schemes([ApiKeyScheme([replace(ALICE, models=None)])])
    assert authenticator.renew(principal).models is None


async def test_a_reload_changes_when_a_key_expires() -> None:
    time = Time()
    authenticator = Authenticator([ApiKeyScheme([replace(ALICE, expires=1500)])], time)
    principal = await authenticator.verify_credential(KEY.text())
    authenticator.replace_schemes([ApiKeyScheme([replace(ALICE, expires=3000)])])
    time.unix = 2000
    assert authenticator.renew(principal).expires == 3000
    authenticator.replace_schemes([ApiKeyScheme([replace(ALICE, expires=1999)])])
    with pytest.raises(Refused) as refused:
        authenticator.renew(principal)
    assert refused.value.body() == expired_credential().body()
