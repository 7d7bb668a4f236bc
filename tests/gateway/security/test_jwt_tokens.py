"""JSON Web Tokens: which are accepted, and as which principal."""

import asyncio
import base64
import hmac
import json
import time
from collections.abc import Sequence
from pathlib import Path

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from gateway.app.authentication import credential_schemes
from gateway.config import Settings
from gateway.config.tables import JwtTable
from gateway.protocol.errors import Code, Refused
from gateway.security.authenticator import Authenticator, CredentialScheme, expired_credential, invalid_credential
from gateway.security.jwks import StaticKeySet, parse_jwks
from gateway.security.jwt_tokens import LEEWAY_SECONDS, JwtRules, JwtScheme, SharedSecret
from gateway.security.principals import ROLES
from tests.gateway.security.issuer import (
    EC_KEY,
    EMPTY,
    OTHER_RSA_KEY,
    RSA_KEY,
    SECRET,
    SOON,
    Claims,
    key_set,
    public,
    token,
)


def fixed(*keys: dict[str, object], algorithms: tuple[str, ...] = ("RS256", "ES256")) -> StaticKeySet:
    return StaticKeySet(parse_jwks(key_set(*keys), algorithms))


def shared(**rules: str) -> JwtScheme:
    return JwtScheme(JwtRules(["HS256"], **rules), SharedSecret(SecretStr(SECRET)))


def encoded(part: object) -> str:
    data = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


async def refused(scheme: JwtScheme, text: str) -> Refused:
    with pytest.raises(Refused) as error:
        principal = await scheme.authenticate(text, 0)
        if principal is None:
            raise invalid_credential()
    assert error.value.code is Code.AUTH_ERROR
    return error.value


async def test_a_token_names_its_principal() -> None:
    principal = await shared().authenticate(token({"models": ["a", "b"], "roles": ["observe", "root"]}), 0)
    assert principal is not None
    assert (principal.id, principal.models, principal.roles) == ("token:alice", frozenset("ab"), frozenset({"observe"}))
    assert principal.expires == SOON + LEEWAY_SECONDS
    plain = await shared().authenticate(token(), 0)
    assert plain is not None
    assert (plain.models, plain.roles) == (None, frozenset())


async def test_the_claims_may_have_other_names_and_be_one_string() -> None:
    scheme = shared(models_claim="m", roles_claim="https://a.example/roles")
    claims = {"m": "a b", "models": ["c"], "https://a.example/roles": "operate observe"}
    principal = await scheme.authenticate(token(claims), 0)
    assert principal is not None
    assert (principal.models, principal.roles) == (frozenset("ab"), ROLES)


@pytest.mark.parametrize(
    "claims",
    [
        {"sub": None},
        {"exp": None},
        {"sub": ""},
        {"sub": "x" * 300},
        {"sub": "a\nb"},
        {"nbf": SOON},
        {"models": 3},
        {"models": ["a", 3]},
        {"roles": {"observe": True}},
    ],
)
async def test_a_token_without_the_required_claims_is_refused(claims: dict[str, object]) -> None:
    assert (await refused(shared(), token(claims))).body() == invalid_credential().body()


async def test_issuer_and_audience_are_checked_if_configured() -> None:
    scheme = shared(issuer="https://a.example", audience="us")
    right: Claims = {"iss": "https://a.example", "aud": ["them", "us"]}
    assert await scheme.authenticate(token(right), 0)
    wrongs: list[Claims] = [{"iss": "https://b.example"}, {"iss": None}, {"aud": "them"}, {"aud": None}]
    for wrong in wrongs:
        assert (await refused(scheme, token({**right, **wrong}))).message == invalid_credential().message
    assert await shared().authenticate(token(right), 0)


async def test_only_the_holder_of_a_genuine_token_learns_that_it_has_expired() -> None:
    assert await shared().authenticate(token({"exp": int(time.time()) - LEEWAY_SECONDS // 2}), 0)
    past = token({"exp": int(time.time()) - 2 * LEEWAY_SECONDS})
    assert (await refused(shared(), past)).message == expired_credential().message
    assert (await refused(shared(), past[:-4] + "AAAA")).message == invalid_credential().message


async def test_a_token_signed_with_another_key_or_algorithm_is_refused() -> None:
    unsigned = f"{encoded({'alg': 'none', 'typ': 'JWT'})}.{encoded({'sub': 'alice', 'exp': SOON})}"
    for text in (f"{unsigned}.", f"{unsigned}.AAAA", token(EMPTY, "x" * 64), token(EMPTY, algorithm="HS512")):
        assert (await refused(shared(), text)).message == invalid_credential().message


async def test_tokens_are_verified_with_public_keys() -> None:
    scheme = JwtScheme(JwtRules(["RS256", "ES256"]), fixed(public(RSA_KEY, kid="r"), public(EC_KEY, kid="e")))
    assert await scheme.authenticate(token(EMPTY, RSA_KEY, "RS256", "r"), 0)
    assert await scheme.authenticate(token(EMPTY, EC_KEY, "ES256", "e"), 0)
    for text in (
        token(EMPTY, OTHER_RSA_KEY, "RS256", "r"),
        token(EMPTY, RSA_KEY, "RS256", "e"),
        token(EMPTY, RSA_KEY, "RS256", "unknown"),
        token(EMPTY, RSA_KEY, "RS256"),
        token(EMPTY, RSA_KEY, "RS512", "r"),
    ):
        assert (await refused(scheme, text)).message == invalid_credential().message


async def test_a_public_key_is_not_accepted_as_a_shared_secret() -> None:
    known = public(RSA_KEY, kid="r")
    signed = f"{encoded({'alg': 'HS256', 'kid': 'r'})}.{encoded({'sub': 'alice', 'exp': SOON})}"
    signature = hmac.digest(json.dumps(known).encode(), signed.encode(), "sha256")
    scheme = JwtScheme(JwtRules(["RS256"]), fixed(known))
    assert (await refused(scheme, f"{signed}.{encoded(signature)}")).message == invalid_credential().message


async def test_the_only_key_needs_no_id() -> None:
    scheme = JwtScheme(JwtRules(["RS256"]), fixed(public(RSA_KEY, alg="RS256")))
    assert await scheme.authenticate(token(EMPTY, RSA_KEY, "RS256"), 0)


@given(st.text(max_size=100) | st.lists(st.text(max_size=40), min_size=3, max_size=3).map(".".join))
def test_any_other_text_is_refused(text: str) -> None:
    async def authenticate() -> None:
        try:
            assert await shared().authenticate(text, 0) is None
        except Refused as refused:
            assert refused.body() == invalid_credential().body()

    asyncio.run(authenticate())


async def test_a_deeply_nested_token_is_refused() -> None:
    deep = encoded(b"[" * 5000)
    assert (await refused(shared(), f"{deep}.{deep}.AAAA")).message == invalid_credential().message


async def test_a_null_claim_is_refused() -> None:
    # Encoded here, because `token` leaves out a claim that is None.
    for claim in ("models", "roles"):
        claims = {"sub": "alice", "exp": SOON, claim: None}
        assert (await refused(shared(), jwt.encode(claims, SECRET, "HS256"))).body() == invalid_credential().body()


def with_secret(secret: str = SECRET, audience: str | None = None) -> Sequence[CredentialScheme]:
    return credential_schemes(
        Settings(jwt=JwtTable(algorithms=("HS256",), secret=SecretStr(secret), audience=audience))
    )


async def test_a_token_is_not_renewed_after_its_secret_was_changed() -> None:
    authenticator = Authenticator(with_secret())
    principal = await authenticator.verify_credential(token())
    authenticator.replace_schemes(with_secret())
    assert authenticator.renew(principal) is principal
    for schemes in (with_secret("another" * 9), with_secret(audience="us")):
        authenticator.replace_schemes(schemes)
        with pytest.raises(Refused) as refused:
            authenticator.renew(principal)
        assert refused.value.body() == invalid_credential().body()
    assert SECRET not in repr(principal)


async def test_a_token_is_not_renewed_after_its_key_was_removed_from_the_file(tmp_path: Path) -> None:
    file = tmp_path / "jwks.json"
    settings = Settings(jwt=JwtTable(algorithms=("RS256",), jwks_file=str(file)))
    file.write_bytes(key_set(public(RSA_KEY, kid="r")))
    authenticator = Authenticator(credential_schemes(settings))
    principal = await authenticator.verify_credential(token(key=RSA_KEY, algorithm="RS256", kid="r"))
    authenticator.replace_schemes(credential_schemes(settings))
    assert authenticator.renew(principal) is principal
    file.write_bytes(key_set(public(OTHER_RSA_KEY, kid="r")))
    authenticator.replace_schemes(credential_schemes(settings))
    with pytest.raises(Refused):
        authenticator.renew(principal)
