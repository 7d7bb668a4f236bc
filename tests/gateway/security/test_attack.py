"""What attackers of keys and tokens tried: each of these got through, or kept others out, once."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from pydantic import SecretStr

from gateway.app.authentication import credential_schemes
from gateway.config import ConfigurationError, Settings
from gateway.config.tables import JwtTable
from gateway.protocol.errors import Refused
from gateway.security.api_keys import StoredKey, hashed, make
from gateway.security.authenticator import ApiKeyScheme, Authenticator, CredentialScheme, bad, expired
from gateway.security.jwks import FetchedKeys
from gateway.security.key_file import alone, read_keys, write_keys
from tests.gateway.security.test_authenticator import Time
from tests.gateway.security.test_jwt_tokens import OTHER_RSA_KEY, RSA_KEY, SECRET, key_set, public, token

KEY = make()
ALICE = StoredKey("alice", KEY.id, hashed(KEY.secret))


async def test_the_end_of_a_keys_time_is_what_the_file_says_now() -> None:
    time = Time()
    authenticator = Authenticator([ApiKeyScheme([replace(ALICE, expires=1500)])], time)
    principal = await authenticator.authenticate_credential(KEY.text())
    authenticator.change([ApiKeyScheme([replace(ALICE, expires=3000)])])
    time.unix = 2000
    assert authenticator.renew(principal).expires == 3000
    authenticator.change([ApiKeyScheme([replace(ALICE, expires=1999)])])
    with pytest.raises(Refused) as refused:
        authenticator.renew(principal)
    assert refused.value.body() == expired().body()


def with_secret(secret: str = SECRET, audience: str | None = None) -> Sequence[CredentialScheme]:
    return credential_schemes(
        Settings(jwt=JwtTable(algorithms=("HS256",), secret=SecretStr(secret), audience=audience))
    )


async def test_a_token_of_a_secret_that_was_changed_is_not_renewed() -> None:
    authenticator = Authenticator(with_secret())
    principal = await authenticator.authenticate_credential(token())
    authenticator.change(with_secret())
    assert authenticator.renew(principal) is principal
    for made in (with_secret("another" * 9), with_secret(audience="us")):
        authenticator.change(made)
        with pytest.raises(Refused) as refused:
            authenticator.renew(principal)
        assert refused.value.body() == bad().body()
    assert SECRET not in repr(principal)


async def test_a_token_of_a_key_that_was_taken_out_of_the_file_is_not_renewed(tmp_path: Path) -> None:
    file = tmp_path / "jwks.json"
    settings = Settings(jwt=JwtTable(algorithms=("RS256",), jwks_file=str(file)))
    file.write_bytes(key_set(public(RSA_KEY, kid="r")))
    authenticator = Authenticator(credential_schemes(settings))
    principal = await authenticator.authenticate_credential(token(key=RSA_KEY, algorithm="RS256", kid="r"))
    authenticator.change(credential_schemes(settings))
    assert authenticator.renew(principal) is principal
    file.write_bytes(key_set(public(OTHER_RSA_KEY, kid="r")))
    authenticator.change(credential_schemes(settings))
    with pytest.raises(Refused):
        authenticator.renew(principal)


async def test_who_gives_up_waiting_has_the_issuer_asked_once_all_the_same() -> None:
    asked, answer = 0, asyncio.Event()

    async def serve(_request: web.Request) -> web.Response:
        nonlocal asked
        asked += 1
        await answer.wait()
        return web.Response(body=key_set(public(RSA_KEY, kid="r")))

    app = web.Application()
    app.router.add_get("/jwks.json", serve)
    async with TestServer(app) as server:
        keys = FetchedKeys(str(server.make_url("/jwks.json")), ("RS256",))
        for _ in range(5):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(keys.find("unknown"), 0.05)
        answer.set()
        assert await keys.find("r")
        assert await keys.find("unknown") is None
    assert asked == 1


def test_keys_that_are_made_at_once_are_all_kept(tmp_path: Path) -> None:
    file = tmp_path / "keys.toml"
    write_keys(file, [ALICE])
    command = [sys.executable, "-m", "gateway", "keys"]
    with alone(file):
        # Both wait until what is going on is done.
        actions = (["create", "bob"], ["revoke", "alice"])
        running = [
            subprocess.Popen([*command, *one, "--file", str(file)], stdout=subprocess.DEVNULL) for one in actions
        ]
        with pytest.raises(subprocess.TimeoutExpired):
            running[0].wait(1.5)
        write_keys(file, [ALICE, StoredKey("carol", "abcd1234", hashed("x"))])
    assert [one.wait(30) for one in running] == [0, 0]
    assert {key.name for key in read_keys(file)} == {"bob", "carol"}


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give files away")
def test_a_file_of_a_services_user_stays_its_own(tmp_path: Path) -> None:
    file = tmp_path / "keys.toml"
    write_keys(file, [ALICE])
    os.chown(file, 1234, 1235)
    write_keys(file, [])
    assert (file.stat().st_uid, file.stat().st_gid, file.stat().st_mode & 0o777) == (1234, 1235, 0o600)


def test_a_key_in_place_of_a_name_is_not_told(tmp_path: Path) -> None:
    file = tmp_path / "keys.toml"
    file.write_text(f"[keys.{KEY.text()}]\n")
    with pytest.raises(ConfigurationError, match="1: keys: the name of a key") as error:
        read_keys(file)
    assert KEY.secret not in str(error.value)
