"""Keys of providers come from environment variables."""

from pathlib import Path

from gateway.config.providers import resolve_provider
from tests.gateway.config.loading import EXAMPLE, load_text


def test_keys_come_from_the_environment_and_are_not_shown(tmp_path: Path) -> None:
    settings = load_text(tmp_path, EXAMPLE)
    key = settings.providers["eu-openai"].key
    assert key is not None
    assert key.get_secret_value() == "sk-eu"
    for shown in (repr(settings), settings.model_dump_json(), repr(resolve_provider(settings, "eu-openai"))):
        assert "sk-eu" not in shown


def test_an_empty_key_variable_means_no_key(tmp_path: Path) -> None:
    settings = load_text(tmp_path, '[providers.openai]\nbase_url = "http://127.0.0.1:9/v1"\nkey_variable = ""\n', {})
    assert resolve_provider(settings, "openai").key is None
