"""Settings: where they come from, which source wins, and what is said when one is wrong."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from gateway.config import ConfigurationError, Settings, find_file, load, unknown_variables, variable_name
from gateway.config.settings import PLAIN_SETTINGS


def test_the_command_line_wins_over_the_environment_and_that_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "dualstream.toml"
    file.write_text('port = 1\nhost = "10.0.0.1"\ngrace = 7\nmodel = ["a", "b"]\n')
    environment = {"DUALSTREAM_PORT": "2", "DUALSTREAM_HOST": "10.0.0.2", "PORT": "9"}
    settings = load({"port": 3, "host": None}, environment, file)
    assert (settings.port, settings.host, settings.grace, settings.model) == (3, "10.0.0.2", 7, ("a", "b"))


def test_every_setting_has_a_variable() -> None:
    values: dict[object, str] = {int: "7", float: "7.5", str: "x", bool: "true", tuple[str, ...]: "a, b"}
    values[str | None] = "x"
    values[int | None] = "7"
    special = {
        "upstream": "http://127.0.0.1:9/v1",
        "upstream_api": "anthropic",
        "upstream_api_key": "k",
        "default_model": "sim-instant",
        "on_disconnect": "cancel",
        "allowed_origins": "https://a.example, http://b.example:81",
        "trusted_proxies": "10.0.0.0/8, ::1",
        "max_body_bytes": "5000",
        "keys_file": "keys.toml",
        "keys": f"alice:abcd1234:{'0' * 64},bob:abcd1235:{'1' * 64}",
    }
    for name in PLAIN_SETTINGS:
        field = Settings.model_fields[name]
        text = special.get(name) or values[field.annotation]
        settings = load({}, {variable_name(name): text})
        assert getattr(settings, name) != field.default, name


@pytest.mark.parametrize(
    ("options", "environment", "said"),
    [
        ({"port": 70_000}, {}, "--port: must be less than or equal to 65535"),
        ({}, {"DUALSTREAM_PORT": "tcp://10.0.0.1:80"}, "DUALSTREAM_PORT: must be a whole number"),
        ({"upstream": "localhost:9"}, {}, "--upstream: "),
        ({"upstream": "ftp://host/"}, {}, "--upstream: URL scheme must be 'http' or 'https'"),
        ({"upstream": "http://host/v1?key=1"}, {}, "without a query"),
        ({}, {"DUALSTREAM_ALLOWED_ORIGINS": "*"}, "'*' is not an origin"),
        ({}, {"DUALSTREAM_ALLOWED_ORIGINS": "https://a.example/path"}, "is not an origin"),
        ({}, {"DUALSTREAM_TRUSTED_PROXIES": "nginx"}, "'nginx' is not an address or a network"),
        ({}, {"DUALSTREAM_GRACE": "-1"}, "DUALSTREAM_GRACE: "),
        ({}, {"DUALSTREAM_KEYS": "alice"}, "DUALSTREAM_KEYS: the id of a key must be 8 letters and digits"),
        ({}, {"DUALSTREAM_KEYS": "alice:abcd1234:sk-1"}, "DUALSTREAM_KEYS: the hash of a key must be the SHA-256"),
        ({}, {"DUALSTREAM_ON_DISCONNECT": "maybe"}, "'grace', 'cancel' or 'continue'"),
        ({}, {"DUALSTREAM_UPSTREAM_API_KEY": "sk-1\nsk-2"}, "DUALSTREAM_UPSTREAM_API_KEY: must be printable ASCII"),
    ],
)
def test_what_is_wrong_is_named_with_its_source(
    options: dict[str, object], environment: dict[str, str], said: str
) -> None:
    with pytest.raises(ConfigurationError) as error:
        load(options, environment)
    assert said in str(error.value)
    assert "sk-1" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("prot = 1", ":1: prot: unknown setting: did you mean port?"),
        ("port = ", "is not TOML"),
        ("port = 'x'", ": port: "),
    ],
)
def test_a_file_that_is_wrong(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "dualstream.toml"
    file.write_text(text)
    with pytest.raises(ConfigurationError) as error:
        load({}, {}, file)
    assert said in str(error.value)
    assert str(file) in str(error.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="can't be read: No such file"):
        load({}, {}, tmp_path / "none.toml")


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(ConfigurationError) as error:
        load({}, {"DUALSTREAM_PORT": "x", "DUALSTREAM_GRACE": "y"})
    assert len(str(error.value).splitlines()) == 2


def test_a_slip_of_the_pen_is_found() -> None:
    environment = {"DUALSTREAM_UPSTRAEM": "x", "DUALSTREAM_PORT": "1", "DUALSTREAM_CONFIG": "z", "OTHER": "y"}
    assert unknown_variables(environment) == ["DUALSTREAM_UPSTRAEM"]


def test_the_key_does_not_show() -> None:
    settings = Settings(upstream_api_key=SecretStr("sk-secret"))
    assert "sk-secret" not in repr(settings)
    assert "sk-secret" not in settings.model_dump_json()


def test_the_file_is_the_one_that_is_given_or_named_or_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_file(None, {}) is None
    here = tmp_path / "dualstream.toml"
    here.touch()
    assert find_file(None, {"DUALSTREAM_CONFIG": ""}) == Path("dualstream.toml")
    assert find_file(None, {"DUALSTREAM_CONFIG": "b.toml"}) == Path("b.toml")
    assert find_file(Path("a.toml"), {"DUALSTREAM_CONFIG": "b.toml"}) == Path("a.toml")


@pytest.mark.parametrize("text", ["\ufeffport = 1\n", "port = 1\r\nhost = '::1'\r\n"])
def test_what_editors_leave_in_a_file_does_no_harm(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.toml").write_bytes(text.encode())
    assert load({}, {}, tmp_path / "a.toml").port == 1


@pytest.mark.parametrize("data", [b'host = "\xff"\n', b"model = " + b"[" * 5000])
def test_what_is_no_text_or_nested_too_deep_is_said(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.toml").write_bytes(data)
    with pytest.raises(ConfigurationError, match="is not TOML"):
        load({}, {}, tmp_path / "a.toml")


def test_no_number_is_without_end() -> None:
    with pytest.raises(ConfigurationError, match="finite"):
        load({}, {"DUALSTREAM_GRACE": "inf"})


def test_a_number_of_thousands_of_digits_is_said(tmp_path: Path) -> None:
    file = tmp_path / "dualstream.toml"
    file.write_text(f"port = {'9' * 5000}\n", "utf-8")
    with pytest.raises(ConfigurationError, match="thousands of digits"):
        load({}, {}, file)
