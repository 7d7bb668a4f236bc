"""Providers: tables and presets."""

from pathlib import Path

from gateway.config.providers import resolve_provider
from tests.gateway.config.loading import load_text


def test_a_table_with_the_name_of_a_preset_changes_that_preset(tmp_path: Path) -> None:
    settings = load_text(tmp_path, '[providers.openai]\nconnections = 5\n[models.a]\nprovider = "openai"\n')
    described = resolve_provider(settings, "openai")
    assert (described.preset, described.connections) == ("openai", 5)
    assert described.base_url == "https://api.openai.com/v1"


def test_a_proxy_is_that_of_the_table_or_else_of_the_gateway(tmp_path: Path) -> None:
    file = (
        'upstream_proxy = "environment"\n[providers.a]\nbase_url = "https://a.example/v1"\n'
        '[providers.b]\nbase_url = "https://b.example/v1"\nproxy = "http://proxy:3128"\n'
        '[providers.c]\nbase_url = "http://gpu:8000/v1"\nproxy = "direct"\n[models.m]\n'
        'upstreams = [{ provider = "a" }, { provider = "b" }, { provider = "c" }, { provider = "simulator" }]\n'
    )
    settings = load_text(tmp_path, file)
    proxies = [resolve_provider(settings, name).proxy for name in ("a", "b", "c", "simulator")]
    assert proxies == ["environment", "http://proxy:3128", "direct", "direct"]
