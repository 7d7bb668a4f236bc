"""Loading of settings: sources, precedence and the report of all errors."""

import re
from pathlib import Path

import pytest

from gateway.config import ConfigurationError, load, unknown_variables


def test_options_override_variables_which_override_the_file(tmp_path: Path) -> None:
    file = tmp_path / "dualstream.toml"
    file.write_text('port = 1\nhost = "10.0.0.1"\ngrace = 7\nmodel = ["a", "b"]\n')
    environment = {"DUALSTREAM_PORT": "2", "DUALSTREAM_HOST": "10.0.0.2", "PORT": "9"}
    settings = load({"port": 3, "host": None}, environment, file)
    assert (settings.port, settings.host, settings.grace, settings.model) == (3, "10.0.0.2", 7, ("a", "b"))


@pytest.mark.parametrize(
    ("options", "environment", "message"),
    [
        ({"port": 70_000}, {}, "--port: must be less than or equal to 65535"),
        ({}, {"DUALSTREAM_PORT": "tcp://10.0.0.1:80"}, "DUALSTREAM_PORT: must be a whole number"),
        ({"upstream": "localhost:9"}, {}, "--upstream: "),
        ({"upstream": "ftp://host/"}, {}, "--upstream: URL scheme must be 'http' or 'https'"),
        ({"upstream": "http://host/v1?key=1"}, {}, "must not contain a key"),
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
def test_an_error_names_its_variable_or_option(
    options: dict[str, object], environment: dict[str, str], message: str
) -> None:
    with pytest.raises(ConfigurationError) as error:
        load(options, environment)
    assert message in str(error.value)
    assert "sk-1" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("prot = 1", ":1: prot: unknown setting: did you mean port?"),
        ("port = ", "is not TOML"),
        ("port = 'x'", ": port: "),
    ],
)
def test_an_error_names_the_file(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "dualstream.toml"
    file.write_text(text)
    with pytest.raises(ConfigurationError) as error:
        load({}, {}, file)
    assert message in str(error.value)
    assert str(file) in str(error.value)


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="can't be read: No such file"):
        load({}, {}, tmp_path / "none.toml")


def test_all_errors_are_reported_at_once() -> None:
    with pytest.raises(ConfigurationError) as error:
        load({}, {"DUALSTREAM_PORT": "x", "DUALSTREAM_GRACE": "y"})
    assert len(str(error.value).splitlines()) == 2


def test_errors_are_ordered_by_line(tmp_path: Path) -> None:
    text = (
        '[models.b]\nprovider = "nowhere"\n[models.a]\nprovider = "openai"\nstall_timeout = "x"\n[aliases]\nc = "d"\n'
    )
    with pytest.raises(ConfigurationError) as error:
        load({"port": -1}, {}, (tmp_path / "a.toml"))
    assert "can't be read" in str(error.value)
    (tmp_path / "a.toml").write_text(text)
    with pytest.raises(ConfigurationError) as error:
        load({"port": -1}, {}, tmp_path / "a.toml")
    places = [re.sub(r"^.*a.toml", "", line)[:24] for line in str(error.value).splitlines()]
    assert places[0].startswith("--port: ")
    assert [place.split(":")[1] for place in places[1:]] == ["2", "5"]


def test_of_thousands_of_errors_only_those_that_are_shown_are_located(tmp_path: Path) -> None:
    file = tmp_path / "broken.toml"
    file.write_text("".join(f"[models.m{number}]\nprovider = 1\n" for number in range(3000)))
    with pytest.raises(ConfigurationError) as error:
        load({}, {}, file)
    first, *_, last = str(error.value).splitlines()
    assert (first, last) == (f"{file}:2: models.m0.provider: must be a string in quotes", "and 2980 more")


def test_unknown_variables_are_found() -> None:
    environment = {"DUALSTREAM_UPSTRAEM": "x", "DUALSTREAM_PORT": "1", "DUALSTREAM_CONFIG": "z", "OTHER": "y"}
    assert unknown_variables(environment) == ["DUALSTREAM_UPSTRAEM"]


@pytest.mark.parametrize("text", ["\ufeffport = 1\n", "port = 1\r\nhost = '::1'\r\n"])
def test_byte_order_marks_and_crlf_are_accepted(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.toml").write_bytes(text.encode())
    assert load({}, {}, tmp_path / "a.toml").port == 1


@pytest.mark.parametrize("data", [b'host = "\xff"\n', b"model = " + b"[" * 5000])
def test_invalid_utf8_and_deep_nesting_are_errors(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.toml").write_bytes(data)
    with pytest.raises(ConfigurationError, match="is not TOML"):
        load({}, {}, tmp_path / "a.toml")


def test_a_number_of_thousands_of_digits_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "dualstream.toml"
    file.write_text(f"port = {'9' * 5000}\n", "utf-8")
    with pytest.raises(ConfigurationError, match="thousands of digits"):
        load({}, {}, file)
