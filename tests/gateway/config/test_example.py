"""dualstream.example.toml: it is valid, and it contains every setting."""

import re
import tomllib
from pathlib import Path

import pytest
from pydantic import BaseModel

from gateway.config import Settings
from gateway.config.defaults import DefaultsTable, FunctionTable, ToolTable
from gateway.config.settings import PLAIN_SETTINGS
from gateway.config.tables import JwtTable, ModelTable, PriceTable, ProviderTable, UpstreamTable
from tests.gateway.config.loading import EXAMPLE, load_text


def test_the_example_loads(tmp_path: Path) -> None:
    settings = load_text(tmp_path, EXAMPLE)
    assert list(settings.models) == ["fast", "chat", "llama3.2:3b", "practice"]
    assert [upstream.provider for upstream in settings.models["chat"].all_upstreams] == [
        "eu-openai",
        "anthropic",
        "lab",
    ]
    assert sorted(settings.providers) == ["anthropic", "deepseek", "eu-openai", "lab", "ollama", "simulator"]


def test_the_example_loads_with_all_commented_settings(tmp_path: Path) -> None:
    text = re.sub(r"^#(?=\w+ =)", "", EXAMPLE, flags=re.MULTILINE)
    assert text.count("\n#") < EXAMPLE.count("\n#") - 40
    settings = load_text(tmp_path, text)
    assert settings.models["chat"].all_upstreams[0].weight == 3
    assert settings.providers["eu-openai"].connect_timeout == 10


def test_the_example_has_each_commented_setting_at_its_default() -> None:
    settings = EXAMPLE.partition("\n[")[0]
    for name in PLAIN_SETTINGS:
        assert re.search(rf"^#? *{name} = ", settings, re.MULTILINE), name
        if found := re.search(rf"^#{name} = ([^#\[]+)", settings, re.MULTILINE):
            assert tomllib.loads(f"x = {found[1]}")["x"] == Settings.model_fields[name].default, name


@pytest.mark.parametrize(
    ("kind", "begins"),
    [
        *((ProviderTable, "[providers."), (ModelTable, "[models."), (UpstreamTable, "[[models."), (PriceTable, "")),
        (DefaultsTable, "[models.chat.defaults]"),
        (ToolTable, "[[models.chat.defaults.tools]]"),
        (FunctionTable, "[models.chat.defaults.tools.function]"),
    ],
)
def test_the_example_has_each_key(kind: type[BaseModel], begins: str) -> None:
    tables = re.split(r"^(?=\[)", EXAMPLE, flags=re.MULTILINE)
    text = "".join(table for table in tables if table.startswith(begins))
    for name, key in kind.model_fields.items():
        # Those are tables of their own.
        if not key.exclude and name not in {"upstreams", "defaults", "tools", "function"}:
            assert re.search(rf"(^#?|[{{,] ){name} = ", text, re.MULTILINE), name


def test_the_example_has_each_key_of_the_tokens_in_a_comment() -> None:
    text = EXAMPLE.partition("#   [jwt]\n")[2]
    for name, key in JwtTable.model_fields.items():
        assert key.exclude or re.search(rf"^#   {name} = ", text, re.MULTILINE), name
