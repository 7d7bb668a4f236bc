"""Secrets have types that hide them: no object that contains one shows it, however it is printed."""

import gc
import json
import logging
import pprint
import traceback
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from pydantic import SecretStr
from starlette.datastructures import Headers

from gateway.app.catalog import build
from gateway.app.factory import create_app, load_dialects
from gateway.cli.chat.settings import ChatSettings
from gateway.cli.configuration_report import report, warnings
from gateway.client import Client
from gateway.config import ConfigurationError, Settings, load
from gateway.dialects.base import Call
from gateway.dialects.sent_request import sent_request
from gateway.protocol.commands import HelloCommand, JsonObject, parse
from gateway.protocol.errors import Refused
from gateway.security.api_keys import StoredKey, generate_key, hash_secret
from gateway.security.authenticator import Authenticator
from gateway.security.key_file import write_keys
from gateway.telemetry.logs.format import ConsoleFormatter, JsonFormatter
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


def printed_forms(value: object) -> Iterator[str]:
    """Yield a value as a log, a traceback or an interactive prompt prints it."""
    yield from (repr(value), str(value), f"{value}", pprint.pformat(value), pprint.pformat([value]))
    record = logging.makeLogRecord({"msg": "%r %s", "args": (value, [value]), "field": value})
    yield ConsoleFormatter().format(record)
    yield JsonFormatter().format(record)


def secrets_shown_by(value: object) -> set[str]:
    return {secret for text in printed_forms(value) for secret in SECRETS if secret in text}


def test_a_visible_secret_is_found() -> None:
    assert secrets_shown_by({"key": ENVIRONMENT["EU_KEY"]}) == {ENVIRONMENT["EU_KEY"]}


async def test_no_object_of_ours_shows_a_secret(settings: Settings) -> None:
    app = create_app(settings)
    authenticator: Authenticator = app.state.reloader._authenticator
    principals = [
        await authenticator.verify_credential(KEY.text()),
        await authenticator.verify_credential(token(key=ENVIRONMENT["AUTH"])),
    ]
    tickets = [(await authenticator.issue_ticket(principal, "start", ""))[0] for principal in principals]
    client = Client("http://127.0.0.1:1", token=KEY.text())
    chat = ChatSettings("http://127.0.0.1:1", token=KEY.text())
    hello = parse(HelloCommand, {"type": "hello", "token": KEY.text()})
    upstreams = build(settings).upstreams
    objects = [value for value in gc.get_objects() if str(type(value).__module__).startswith(OURS)]
    # The test is only valid if these objects exist.
    assert {type(value).__name__ for value in objects} >= {
        "Settings",
        "ProviderTable",
        "JwtTable",
        "HttpUpstream",
        "Authenticator",
    }
    assert {type(value).__name__ for value in objects} >= {
        "StoredKey",
        "JwtScheme",
        "Target",
        "Principal",
        "ChatSettings",
    }
    for value in [*objects, settings, app, authenticator, *principals, client, chat, hello, upstreams, vars(app.state)]:
        assert secrets_shown_by(value) == set(), type(value)
    assert not any(
        ticket in repr(value)
        for value in [authenticator, authenticator.tickets, vars(authenticator.tickets)]
        for ticket in tickets
    )


def test_a_call_of_a_model_api_shows_no_key_of_its_client() -> None:
    headers = Headers({"x-api-key": KEY.text(), "x-goog-api-key": KEY.text(), "authorization": f"Bearer {KEY.text()}"})
    body: JsonObject = {"model": "m", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 10}
    contents: JsonObject = {"contents": [{"parts": [{"text": "Hello"}]}]}
    for dialect in load_dialects():
        call = Call(contents if dialect.name == "gemini" else {**body, "input": "Hello"}, {"model": "m"}, {}, headers)
        assert secrets_shown_by(call) == set()
        with suppress(Refused):
            start = dialect.parse(call)
            assert secrets_shown_by(start) == set()
            assert secrets_shown_by(start.verbatim) == set()
            assert secrets_shown_by(sent_request(dialect.name, start)) == set()


def test_a_dump_of_the_settings_shows_no_secret(settings: Settings) -> None:
    assert secrets_shown_by(settings.model_dump()) == set()
    assert secrets_shown_by(settings.model_dump_json()) == set()
    assert (
        secrets_shown_by(Settings(upstream_api_key=SecretStr(ENVIRONMENT["EU_KEY"])).model_dump(mode="json")) == set()
    )


async def test_check_shows_no_secret(settings: Settings) -> None:
    catalog = build(settings)
    assert secrets_shown_by("\n".join([*report(catalog), *warnings(settings, catalog)])) == set()


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
def test_configuration_errors_show_no_secret(tmp_path: Path, broken: str) -> None:
    file = tmp_path / "dualstream.toml"
    file.write_text(broken)
    with pytest.raises(ConfigurationError) as error:
        load({}, {**ENVIRONMENT, "AUTH_BROKEN": f"{ENVIRONMENT['EU_KEY']}\n"}, file)
    text = "".join(traceback.format_exception(error.value))
    assert {secret for secret in SECRETS if secret in text} == set()


async def test_a_refusal_shows_no_credential(settings: Settings) -> None:
    authenticator: Authenticator = create_app(settings).state.reloader._authenticator
    wrong = f"{KEY.text()[:-1]}!"
    for credential in (wrong, token(key="y" * 32), ENVIRONMENT["AUTH"]):
        with pytest.raises(Refused) as refused:
            await authenticator.verify_credential(credential)
        text = "".join(traceback.format_exception(refused.value)) + repr(refused.value) + str(refused.value.body())
        assert credential not in text
        assert secrets_shown_by(text) == set()
