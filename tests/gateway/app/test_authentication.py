"""The credential schemes of a configuration, and the errors that it may have."""

import json
from pathlib import Path

import pytest
from jwt.algorithms import RSAAlgorithm

from gateway.app.authentication import credential_schemes
from gateway.config import ConfigurationError, Settings, load
from gateway.protocol.errors import Refused
from gateway.security.api_keys import StoredKey, generate_key, hash_secret
from gateway.security.authenticator import Authenticator
from gateway.security.key_file import write_keys
from tests.gateway.security.issuer import OTHER_RSA_KEY, RSA_KEY, SECRET, issuer, key_set, public, token

KEY = generate_key()
HASH = hash_secret(KEY.secret)


def authenticator(settings: Settings) -> Authenticator:
    return Authenticator(credential_schemes(settings))


async def principal_id(settings: Settings, credential: str) -> str:
    return (await authenticator(settings).authenticate(credential, "")).id


def test_without_schemes_anonymous_clients_are_allowed() -> None:
    assert authenticator(load({}, {})).allows_anonymous
    assert not load({}, {}).requires_credentials


async def test_keys_from_a_variable() -> None:
    settings = load({}, {"DUALSTREAM_KEYS": f"alice:{KEY.id}:{HASH}"})
    assert settings.requires_credentials
    assert await principal_id(settings, KEY.text()) == "key:alice"
    assert HASH not in repr(settings)


async def test_the_path_of_the_keys_file_starts_at_the_configuration_unless_a_variable_sets_it(tmp_path: Path) -> None:
    file = tmp_path / "dualstream.toml"
    file.write_text('keys_file = "k.toml"\n')
    write_keys(tmp_path / "k.toml", [StoredKey("alice", KEY.id, HASH)])
    assert await principal_id(load({}, {}, file), KEY.text()) == "key:alice"
    settings = load({}, {"DUALSTREAM_KEYS_FILE": "other.toml"}, file)
    assert settings.keys_file == Path("other.toml")
    with pytest.raises(ConfigurationError, match=r"other\.toml: can't be read"):
        credential_schemes(settings)


async def test_with_an_empty_keys_file_credentials_are_required(tmp_path: Path) -> None:
    write_keys(tmp_path / "k.toml", [])
    settings = load({}, {"DUALSTREAM_KEYS_FILE": str(tmp_path / "k.toml")})
    assert settings.requires_credentials
    assert not authenticator(settings).allows_anonymous


def test_a_name_in_the_setting_and_the_file_is_an_error(tmp_path: Path) -> None:
    write_keys(tmp_path / "k.toml", [StoredKey("alice", "abcd1234", HASH)])
    variables = {"DUALSTREAM_KEYS_FILE": str(tmp_path / "k.toml"), "DUALSTREAM_KEYS": f"alice:{KEY.id}:{HASH}"}
    with pytest.raises(
        ConfigurationError, match=r"keys: two keys have the name alice, one in this setting and one in .*k.toml"
    ):
        credential_schemes(load({}, variables))


def test_the_budget_of_a_key_needs_prices(tmp_path: Path) -> None:
    assert price_error(tmp_path, "price = { input = 1, output = 1 }\n") == ""
    assert "keys.alice.budget_per_day: needs prices: models.a.price: is not known" in price_error(tmp_path, "")
    assert 'needs prices: models."gpt-4.1".price: is not known' in price_error(tmp_path, "", '"gpt-4.1"')


def price_error(tmp_path: Path, price: str, model: str = "a") -> str:
    file = tmp_path / "dualstream.toml"
    file.write_text(f'keys_file = "k.toml"\n[models.{model}]\nprovider = "ollama"\n{price}')
    (tmp_path / "k.toml").write_text(f'[keys.alice]\nid = "{KEY.id}"\nhash = "{HASH}"\nbudget_per_day = 1\n')
    try:
        credential_schemes(load({}, {}, file))
    except ConfigurationError as error:
        return str(error)
    return ""


async def test_tokens_with_a_shared_secret(tmp_path: Path) -> None:
    file = tmp_path / "dualstream.toml"
    file.write_text('[jwt]\nalgorithms = ["HS256"]\nsecret_variable = "AUTH"\naudience = "us"\n')
    settings = load({}, {"AUTH": SECRET}, file)
    assert SECRET not in repr(settings) + settings.model_dump_json()
    assert await principal_id(settings, token({"aud": "us"})) == "token:alice"


async def test_tokens_with_public_keys_beside_the_configuration(tmp_path: Path) -> None:
    file = tmp_path / "dualstream.toml"
    file.write_text('[jwt]\nalgorithms = ["RS256"]\njwks_file = "keys.json"\n')
    with pytest.raises(ConfigurationError, match=r"jwt.jwks_file: .*keys.json: can't be read: No such file"):
        credential_schemes(load({}, {}, file))
    (tmp_path / "keys.json").write_text("{}")
    with pytest.raises(ConfigurationError, match=r"jwt.jwks_file: .*keys.json: is not a key set"):
        credential_schemes(load({}, {}, file))
    key = RSAAlgorithm.to_jwk(RSA_KEY.public_key(), as_dict=True)
    (tmp_path / "keys.json").write_text(json.dumps({"keys": [key]}))
    assert await principal_id(load({}, {}, file), token(key=RSA_KEY, algorithm="RS256")) == "token:alice"


def test_an_issuers_keys_are_not_fetched_at_the_start(tmp_path: Path) -> None:
    file = tmp_path / "dualstream.toml"
    file.write_text('[jwt]\nalgorithms = ["ES256"]\njwks_url = "https://a.example/jwks.json"\n')
    assert not authenticator(load({}, {}, file)).allows_anonymous


async def test_a_reload_keeps_the_issuers_keys_if_nothing_has_changed(tmp_path: Path) -> None:
    file = tmp_path / "dualstream.toml"
    async with issuer(public(RSA_KEY, kid="r")) as server:
        file.write_text(f'[jwt]\nalgorithms = ["RS256"]\njwks_url = "{server.url}"\n')
        authenticator = Authenticator(credential_schemes(load({}, {}, file)))
        credential = token(key=RSA_KEY, algorithm="RS256", kid="r")
        principal = await authenticator.verify_credential(credential)
        # The issuer is down when the configuration is loaded again.
        server.status = 500
        authenticator.replace_schemes(credential_schemes(load({}, {}, file), authenticator.schemes))
        assert await authenticator.verify_credential(credential) == principal
        assert server.requests == 1
        file.write_text(f'[jwt]\nalgorithms = ["RS256"]\njwks_url = "{server.url}"\naudience = "us"\n')
        authenticator.replace_schemes(credential_schemes(load({}, {}, file), authenticator.schemes))
        with pytest.raises(Refused):
            await authenticator.verify_credential(credential)
        assert server.requests == 2


async def test_a_reload_reads_a_file_of_public_keys_again(tmp_path: Path) -> None:
    file, keys = tmp_path / "dualstream.toml", tmp_path / "keys.json"
    file.write_text('[jwt]\nalgorithms = ["RS256"]\njwks_file = "keys.json"\n')
    authenticator, kept = Authenticator(), list[bool]()
    for key in (RSA_KEY, RSA_KEY, OTHER_RSA_KEY):
        keys.write_bytes(key_set(public(key, kid="r")))
        schemes = credential_schemes(load({}, {}, file), authenticator.schemes)
        kept.append(list(schemes) == list(authenticator.schemes))
        authenticator.replace_schemes(schemes)
        assert (await authenticator.verify_credential(token(key=key, algorithm="RS256", kid="r"))).name == "alice"
    assert kept == [False, True, False]
