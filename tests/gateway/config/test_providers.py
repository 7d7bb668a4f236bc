"""Providers: tables and presets."""

from pathlib import Path

from gateway.config.providers import resolve_provider
from tests.gateway.config.loading import load_text


def test_a_table_with_the_name_of_a_preset_changes_that_preset(tmp_path: Path) -> None:
    settings = load_text(tmp_path, '[providers.openai]\nconnections = 5\n[models.a]\nprovider = "openai"\n')
    described = resolve_provider(settings, "openai")
    assert (described.preset, described.connections) == ("openai", 5)
    assert described.base_url == "https://api.openai.com/v1"
