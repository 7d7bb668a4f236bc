"""Checks of settings that depend on each other; `broken.py` has each error."""

from pathlib import Path

from tests.gateway.config.loading import load_text


def test_a_budget_accepts_known_prices(tmp_path: Path) -> None:
    text = 'budget_per_day = 5\n[models."gpt-4.1"]\nprovider = "holysheep"\n[models.sim]\nprovider = "simulator"\n'
    assert load_text(tmp_path, text).budget_per_day == 5
