"""Checks of settings that depend on each other; `broken.py` has each error."""

from pathlib import Path

import pytest

from gateway.toml.problems import ConfigurationError
from tests.gateway.config.loading import load_text


def test_a_budget_accepts_known_prices(tmp_path: Path) -> None:
    text = 'budget_per_day = 5\n[models."gpt-4.1"]\nprovider = "cloud"\n[models.sim]\nprovider = "simulator"\n'
    cloud = '[providers.cloud]\nbase_url = "https://api.openai.com/v1"\n'
    assert load_text(tmp_path, text + cloud).budget_per_day == 5
    with pytest.raises(
        ConfigurationError, match=r'models."gpt-4.1".price: is not known, so budget_per_day can.t count'
    ):
        load_text(tmp_path, text + cloud.replace("api.openai.com", "reseller.example"))


def test_a_budget_accepts_a_single_upstream_whose_models_have_published_prices(tmp_path: Path) -> None:
    upstream = 'budget_per_day = 5\nupstream = "https://api.openai.com/v1"\n'
    assert load_text(tmp_path, upstream + 'model = ["gpt-4.1", "o3"]\n').budget_per_day == 5
    for models in ("", 'model = ["gpt-4.1", "mine"]\n'):
        with pytest.raises(ConfigurationError, match="can't count models whose price is not known"):
            load_text(tmp_path, upstream + models)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:81", "127.0.0.2", "[::1]:9"])
def test_keys_of_an_issuer_on_this_machine_need_no_https(tmp_path: Path, host: str) -> None:
    text = f'[jwt]\nalgorithms = ["RS256"]\njwks_url = "http://{host}/jwks.json"\n'
    assert load_text(tmp_path, text).jwt is not None


@pytest.mark.parametrize("host", ["127.example", "localhost.example", "127.0.0.1.example", "10.0.0.1"])
def test_keys_of_another_issuer_need_https(tmp_path: Path, host: str) -> None:
    with pytest.raises(ConfigurationError, match="must be https"):
        load_text(tmp_path, f'[jwt]\nalgorithms = ["RS256"]\njwks_url = "http://{host}/jwks.json"\n')
