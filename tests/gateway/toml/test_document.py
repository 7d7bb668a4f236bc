"""Reading of TOML files, and the location of problems in them."""

from pathlib import Path

import pytest

from gateway.toml.document import read
from gateway.toml.problems import ConfigurationError, Problem


def test_no_file_is_an_empty_document() -> None:
    assert read(None).values == {}


def test_a_problem_is_located_by_line(tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    file.write_text("\ufeffport = 1\n\n[models.a]\n", "utf-8")
    document = read(file)
    assert document.values == {"port": 1, "models": {"a": {}}}
    assert document.locate(Problem(("models", "a", "price"), "is missing")) == (
        3,
        f"{file}:3: models.a.price: is missing",
    )
    assert document.locate(Problem(("host",), "is missing")) == (0, f"{file}: host: is missing")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"port = \n", ":1: is not TOML: "),
        (b"names = [\n", ":1: is not TOML: "),
        (b"[a]\n[a]\n", ": is it defined twice?"),
        (b'host = "\xff"\n', ": is not TOML: it is not UTF-8 (byte 8)"),
        (b"port = " + b"9" * 5000, "thousands of digits"),
        (b"names = " + b"[" * 5000, "nested too deeply"),
    ],
)
def test_an_invalid_file_is_described(tmp_path: Path, data: bytes, message: str) -> None:
    file = tmp_path / "a.toml"
    file.write_bytes(data)
    with pytest.raises(ConfigurationError) as error:
        read(file)
    assert str(error.value).startswith(str(file))
    assert message in str(error.value)


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="can't be read: No such file"):
        read(tmp_path / "none.toml")
