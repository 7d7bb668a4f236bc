"""Models as configuration: what a file names is what is built, and keys come from the environment alone."""

import re
import tomllib
from pathlib import Path

import pytest
from pydantic import BaseModel

from gateway.config import ConfigurationError, Settings, load
from gateway.config.docs_tables import FILE_TABLES, keys_table
from gateway.config.presets import PRESETS
from gateway.config.providers import resolve_provider
from gateway.config.settings import PLAIN_SETTINGS
from gateway.config.tables import JwtTable, ModelTable, PriceTable, ProviderTable, UpstreamTable

ROOT = Path(__file__).parents[3]
EXAMPLE = (ROOT / "dualstream.example.toml").read_text("utf-8")
KEYS = {preset.key_variable: "k" for preset in PRESETS.values() if preset.key_variable} | {"EU_OPENAI_KEY": "sk-eu"}


def loaded(tmp_path: Path, text: str, environment: dict[str, str] | None = None) -> Settings:
    (tmp_path / "dualstream.toml").write_text(text, "utf-8")
    return load({}, KEYS if environment is None else environment, tmp_path / "dualstream.toml")


def test_the_example_loads(tmp_path: Path) -> None:
    settings = loaded(tmp_path, EXAMPLE)
    assert list(settings.models) == ["fast", "chat", "llama3.2:3b", "practice"]
    assert [upstream.provider for upstream in settings.models["chat"].all_upstreams] == [
        "eu-openai",
        "anthropic",
        "lab",
    ]
    assert sorted(settings.providers) == ["anthropic", "deepseek", "eu-openai", "lab", "ollama", "simulator"]


def test_the_example_loads_with_all_that_is_left_out(tmp_path: Path) -> None:
    text = re.sub(r"^#(?=\w+ =)", "", EXAMPLE, flags=re.MULTILINE)
    assert text.count("\n#") < EXAMPLE.count("\n#") - 40
    settings = loaded(tmp_path, text)
    assert settings.models["chat"].all_upstreams[0].weight == 3
    assert settings.providers["eu-openai"].connect_timeout == 10


def test_the_example_has_each_setting_left_out_at_its_default() -> None:
    head = EXAMPLE.partition("\n[")[0]
    for name in PLAIN_SETTINGS:
        assert re.search(rf"^#? *{name} = ", head, re.MULTILINE), name
        if found := re.search(rf"^#{name} = ([^#\[]+)", head, re.MULTILINE):
            assert tomllib.loads(f"x = {found[1]}")["x"] == Settings.model_fields[name].default, name


@pytest.mark.parametrize(
    ("kind", "begins"),
    [(ProviderTable, "[providers."), (ModelTable, "[models."), (UpstreamTable, "[[models."), (PriceTable, "")],
)
def test_the_example_has_each_key(kind: type[BaseModel], begins: str) -> None:
    tables = re.split(r"^(?=\[)", EXAMPLE, flags=re.MULTILINE)
    text = "".join(table for table in tables if table.startswith(begins))
    for name, key in kind.model_fields.items():
        if not key.exclude and name != "upstreams":
            assert re.search(rf"(^#?|[{{,] ){name} = ", text, re.MULTILINE), name


def test_the_example_has_each_key_of_the_tokens_in_a_comment() -> None:
    text = EXAMPLE.partition("#   [jwt]\n")[2]
    for name, key in JwtTable.model_fields.items():
        assert key.exclude or re.search(rf"^#   {name} = ", text, re.MULTILINE), name


def test_keys_come_from_the_environment_and_do_not_show(tmp_path: Path) -> None:
    settings = loaded(tmp_path, EXAMPLE)
    key = settings.providers["eu-openai"].key
    assert key is not None
    assert key.get_secret_value() == "sk-eu"
    for shown in (repr(settings), settings.model_dump_json(), repr(resolve_provider(settings, "eu-openai"))):
        assert "sk-eu" not in shown


def test_the_short_form_is_the_long_one(tmp_path: Path) -> None:
    rest = 'upstream_model = "b"\nprice = { input = 1, output = 2 }\nmax_concurrent = 3\n'
    short = loaded(tmp_path, f'[models.a]\nprovider = "vllm"\n{rest}')
    long = loaded(tmp_path, f'[[models.a.upstreams]]\nprovider = "vllm"\n{rest}')
    assert short.models["a"].all_upstreams == long.models["a"].all_upstreams


def test_a_table_of_a_presets_name_is_that_preset_with_changes(tmp_path: Path) -> None:
    settings = loaded(tmp_path, '[providers.openai]\nconnections = 5\n[models.a]\nprovider = "openai"\n')
    described = resolve_provider(settings, "openai")
    assert (described.preset, described.connections) == ("openai", 5)
    assert described.base_url == "https://api.openai.com/v1"


def test_an_empty_key_variable_means_no_key(tmp_path: Path) -> None:
    settings = loaded(tmp_path, '[providers.openai]\nbase_url = "http://127.0.0.1:9/v1"\nkey_variable = ""\n', {})
    assert resolve_provider(settings, "openai").key is None


def test_all_that_is_wrong_is_said_at_once_by_line(tmp_path: Path) -> None:
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


def test_a_budget_takes_the_prices_that_are_known(tmp_path: Path) -> None:
    text = 'budget_per_day = 5\n[models."gpt-4.1"]\nprovider = "holysheep"\n[models.sim]\nprovider = "simulator"\n'
    assert loaded(tmp_path, text).budget_per_day == 5


@pytest.mark.parametrize("start", FILE_TABLES)
def test_every_key_is_described(start: str) -> None:
    assert "None |" not in keys_table(FILE_TABLES[start])
