"""The text of the example configuration, and loading of a configuration from its text."""

from pathlib import Path

from gateway.config import Settings, load
from gateway.config.presets import PRESETS

EXAMPLE = (Path(__file__).parents[3] / "dualstream.example.toml").read_text("utf-8")
KEYS = {preset.key_variable: "k" for preset in PRESETS.values() if preset.key_variable} | {"EU_OPENAI_KEY": "sk-eu"}
"""Environment with the keys of all presets and of the example."""


def load_text(tmp_path: Path, text: str, environment: dict[str, str] | None = None) -> Settings:
    """Return the settings of a file with that text."""
    (tmp_path / "dualstream.toml").write_text(text, "utf-8")
    return load({}, KEYS if environment is None else environment, tmp_path / "dualstream.toml")
