"""Reloads over the admin API."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from gateway.config import ConfigurationError, Settings, load
from tests.gateway.api.admin.test_keys import ask
from tests.served.gateway import Served

PATH = "/api/admin/reload"
FILE = '[models.{name}]\nprovider = "ollama"\n'


@pytest.fixture
def settings(settings: Settings) -> Settings:
    named = Settings.model_validate({"models": {"a": {"provider": "ollama"}}})
    return settings.model_copy(update={"models": named.models, "model": ()})


Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path, served: Served) -> Write:
    """Return a function that writes the configuration file of the gateway."""
    file = tmp_path / "dualstream.toml"
    served.reloader._load_settings = partial(load, {}, {}, file)

    def write(text: str) -> Path:
        file.write_text(text)
        return file

    return write


async def test_a_reload_tells_what_has_changed(served: Served, write: Write) -> None:
    write("host = '::1'\n" + FILE.format(name="b"))
    status, answer = await ask(served.http, "POST", PATH)
    assert status == 200
    assert (answer["models"], "models" in answer["changed"]) == (["b"], True)
    assert "host" in answer["needs_restart"]
    assert answer["gateways"] == {"applied": 1, "failed": []}
    assert served.hub.models.names == ("b",)


async def test_problems_are_those_that_check_prints(served: Served, write: Write) -> None:
    file = write("port = 'x'\nmax_que = 1\n" + FILE.format(name="b"))
    status, answer = await ask(served.http, "POST", PATH)
    assert (status, answer["error"]["code"]) == (422, "invalid_request")
    with pytest.raises(ConfigurationError) as error:
        load({}, {}, file)
    assert answer["problems"] == str(error.value).split("\n")
    assert any(f"{file}:1: port" in problem for problem in answer["problems"])
    assert served.hub.models.names == ("a",)


async def test_without_a_file_there_is_nothing_to_load(served: Served) -> None:
    status, answer = await ask(served.http, "POST", PATH)
    assert status == 409
    assert "neither a configuration file nor a keys_file" in answer["error"]["message"]
