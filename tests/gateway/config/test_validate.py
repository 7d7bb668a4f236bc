"""Checks of settings that depend on each other; `broken.py` has each error."""

from pathlib import Path

import pytest

from gateway.toml.problems import ConfigurationError
from tests.gateway.config.loading import load_text


def test_a_budget_accepts_known_prices(tmp_path: Path) -> None:
    text = 'budget_per_day = 5\n[models."gpt-4.1"]\nprovider = "holysheep"\n[models.sim]\nprovider = "simulator"\n'
    assert load_text(tmp_path, text).budget_per_day == 5


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:81", "127.0.0.2", "[::1]:9"])
def test_keys_of_an_issuer_on_this_machine_need_no_https(tmp_path: Path, host: str) -> None:
    text = f'[jwt]\nalgorithms = ["RS256"]\njwks_url = "http://{host}/jwks.json"\n'
    assert load_text(tmp_path, text).jwt is not None


@pytest.mark.parametrize("host", ["127.example", "localhost.example", "127.0.0.1.example", "10.0.0.1"])
def test_keys_of_another_issuer_need_https(tmp_path: Path, host: str) -> None:
    with pytest.raises(ConfigurationError, match="must be https"):
        load_text(tmp_path, f'[jwt]\nalgorithms = ["RS256"]\njwks_url = "http://{host}/jwks.json"\n')
