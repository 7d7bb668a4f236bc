"""What must stay secret is so by its type: nothing that holds one shows it, however it is written out."""

import gc
import json
import logging
import pprint
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from gateway.app.catalog import build
from gateway.app.factory import create_app
from gateway.cli.chat import ChatSettings
from gateway.cli.check import report, warnings
from gateway.cli.logging_setup import LOG_FORMAT, EscapingFormatter
from gateway.client import Client
from gateway.config import ConfigurationError, Settings, load
from gateway.protocol.commands import HelloCommand, parse
from gateway.protocol.errors import Refused
from gateway.security.api_keys import StoredKey, generate_key, hash_secret
from gateway.security.authenticator import Authenticator
from gateway.security.key_file import write_keys
from tests.gateway.security.issuer import token

OURS = ("gateway.", "transports.")
KEY = generate_key()
ENVIRONMENT = {
    "EU_KEY": "sk-provider-canary-1",
    "OPENAI_API_KEY": "sk-preset-canary-2",
    "AUTH": "shared-canary-3-" + "x" * 32,
    "DUALSTREAM_KEYS": f"bob:abcd1234:{hash_secret('canary')}",
}
SECRETS = (
    *(value for name, value in ENVIRONMENT.items() if name != "DUALSTREAM_KEYS"),
    KEY.secret,
    hash_secret(KEY.secret),
    hash_secret("canary"),
)
FILE = """
keys_file = "keys.toml"
[providers.eu]
base_url = "https://eu.example/v1"
key_variable = "EU_KEY"
[models.a]
provider = "eu"
[models.b]
provider = "openai"
[jwt]
algorithms = ["HS256"]
secret_variable = "AUTH"
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    write_keys(tmp_path / "keys.toml", [StoredKey("alice", KEY.id, hash_secret(KEY.secret))])
    (tmp_path / "dualstream.toml").write_text(FILE)
    return load({}, ENVIRONMENT, tmp_path / "dualstream.toml")


def written(thing: object) -> Iterator[str]:
    """Write a thing in the ways that a log, a crash or a person at a prompt would."""
    yield from (repr(thing), str(thing), f"{thing}", pprint.pformat(thing), pprint.pformat([thing]))
    yield EscapingFormatter(LOG_FORMAT).format(logging.makeLogRecord({"msg": "%r %s", "args": (thing, [thing])}))


def shown_by(thing: object) -> set[str]:
    return {secret for text in written(thing) for secret in SECRETS if secret in text}


def test_what_is_looked_for_would_be_found() -> None:
    assert shown_by({"key": ENVIRONMENT["EU_KEY"]}) == {ENVIRONMENT["EU_KEY"]}


async def test_no_object_of_ours_shows_a_secret(settings: Settings) -> None:
    app = create_app(settings)
    authenticator: Authenticator = app.state.reloading._authenticator
    principals = [
        await authenticator.verify_credential(KEY.text()),
        await authenticator.verify_credential(token(key=ENVIRONMENT["AUTH"])),
    ]
    tickets = [authenticator.issue_ticket(principal, "start", "")[0] for principal in principals]
    client = Client("http://127.0.0.1:1", token=KEY.text())
    chat = ChatSettings("http://127.0.0.1:1", token=KEY.text())
    hello = parse(HelloCommand, {"type": "hello", "token": KEY.text()})
    upstreams = build(settings).upstreams
    held = [one for one in gc.get_objects() if str(type(one).__module__).startswith(OURS)]
    # They are there to be looked at.
    assert {type(one).__name__ for one in held} >= {
        "Settings",
        "ProviderTable",
        "JwtTable",
        "HttpUpstream",
        "Authenticator",
    }
    assert {type(one).__name__ for one in held} >= {"StoredKey", "JwtScheme", "Target", "Principal", "ChatSettings"}
    for one in [*held, settings, app, authenticator, *principals, client, chat, hello, upstreams, vars(app.state)]:
        assert shown_by(one) == set(), type(one)
    assert not any(
        ticket in repr(one)
        for one in [authenticator, authenticator._tickets, vars(authenticator._tickets)]
        for ticket in tickets
    )


def test_a_dump_of_the_settings_shows_none(settings: Settings) -> None:
    assert shown_by(settings.model_dump()) == set()
    assert shown_by(settings.model_dump_json()) == set()
    assert shown_by(Settings(upstream_api_key=SecretStr(ENVIRONMENT["EU_KEY"])).model_dump(mode="json")) == set()


async def test_check_shows_none(settings: Settings) -> None:
    catalogue = build(settings)
    assert shown_by("\n".join([*report(catalogue), *warnings(settings, catalogue)])) == set()


@pytest.mark.parametrize(
    "broken",
    [
        FILE.replace('"EU_KEY"', f'"{ENVIRONMENT["EU_KEY"]}"'),
        FILE.replace("key_variable =", "api_key =").replace("EU_KEY", ENVIRONMENT["EU_KEY"]),
        FILE.replace("https://eu", f"https://me:{ENVIRONMENT['EU_KEY']}@eu"),
        FILE.replace("https://eu.example", f"https://{ENVIRONMENT['EU_KEY']}:x@eu.example:nine"),
        FILE.replace("secret_variable", "secret").replace("AUTH", ENVIRONMENT["AUTH"]),
        FILE.replace('["HS256"]', json.dumps([ENVIRONMENT["AUTH"]])),
        FILE.replace("EU_KEY", "AUTH_BROKEN"),
    ],
)
def test_what_is_wrong_with_a_configuration_is_said_without_any(tmp_path: Path, broken: str) -> None:
    file = tmp_path / "dualstream.toml"
    file.write_text(broken)
    with pytest.raises(ConfigurationError) as error:
        load({}, {**ENVIRONMENT, "AUTH_BROKEN": f"{ENVIRONMENT['EU_KEY']}\n"}, file)
    told = "".join(traceback.format_exception(error.value))
    assert {secret for secret in SECRETS if secret in told} == set()


async def test_what_is_not_let_in_is_refused_without_it(settings: Settings) -> None:
    authenticator: Authenticator = create_app(settings).state.reloading._authenticator
    wrong = f"{KEY.text()[:-1]}!"
    for shown in (wrong, token(key="y" * 32), ENVIRONMENT["AUTH"]):
        with pytest.raises(Refused) as refused:
            await authenticator.verify_credential(shown)
        told = "".join(traceback.format_exception(refused.value)) + repr(refused.value) + str(refused.value.body())
        assert shown not in told
        assert shown_by(told) == set()
