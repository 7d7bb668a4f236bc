"""The path of the configuration file."""

from pathlib import Path

import pytest

from gateway.config import find_file


def test_the_file_is_that_of_an_option_a_variable_or_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_file(None, {}) is None
    here = tmp_path / "dualstream.toml"
    here.touch()
    assert find_file(None, {"DUALSTREAM_CONFIG": ""}) == Path("dualstream.toml")
    assert find_file(None, {"DUALSTREAM_CONFIG": "b.toml"}) == Path("b.toml")
    assert find_file(Path("a.toml"), {"DUALSTREAM_CONFIG": "b.toml"}) == Path("a.toml")
