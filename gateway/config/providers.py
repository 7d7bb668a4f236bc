"""Providers with all their settings: those of a table, then those of its preset, then the general settings. Pure."""

from dataclasses import dataclass
from typing import Final, get_args

from pydantic import SecretStr

from gateway.config.presets import PRESETS, Api, Preset, PresetName
from gateway.config.settings import Settings
from gateway.config.tables import ProviderTable
from gateway.upstreams.formats.base import Quirks

NO_PRESET: Final = Preset("")
"""Defaults of a provider without a preset."""


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider as it is called. `base_url` None: the built-in simulator; `key_variable` None: no key variable."""

    name: str
    preset: str
    base_url: str | None
    api: Api
    key_variable: str | None
    key: SecretStr | None
    connections: int
    connect_timeout: float
    max_event_bytes: int
    quirks: Quirks


def preset_name(name: str, table: ProviderTable | None) -> PresetName | None:
    """Return the preset of a provider: the one that its table names, else the one of the same name, else None."""
    if table is not None and table.preset is not None:
        return table.preset
    return next((preset for preset in get_args(PresetName) if preset == name), None)


def resolve_provider(settings: Settings, name: str) -> Provider:
    """Return the provider of that name, which is that of a table or of a preset."""
    table = settings.providers.get(name) or ProviderTable()
    known_preset = preset_name(name, table)
    preset = PRESETS[known_preset] if known_preset else NO_PRESET
    return Provider(
        name=name,
        preset=known_preset or "",
        base_url=preset.base_url if table.base_url is None else str(table.base_url),
        api=table.api or preset.api,
        key_variable=(preset.key_variable if table.key_variable is None else table.key_variable) or None,
        key=table.key,
        connections=table.connections,
        connect_timeout=table.connect_timeout or settings.connect_timeout,
        max_event_bytes=table.max_event_bytes or settings.max_event_bytes,
        quirks=preset.quirks,
    )


def single_provider(settings: Settings) -> Provider:
    """Return the only provider of settings without `[models]`: that of `upstream`, or the simulator."""
    is_simulated = settings.upstream is None
    return Provider(
        name="simulator" if is_simulated else settings.provider,
        preset="simulator" if is_simulated else "",
        base_url=None if is_simulated else str(settings.upstream),
        api="openai" if is_simulated else settings.upstream_api,
        key_variable=None,
        key=settings.upstream_api_key,
        connections=settings.upstream_connections,
        connect_timeout=settings.connect_timeout,
        max_event_bytes=settings.max_event_bytes,
        quirks=PRESETS["simulator"].quirks if is_simulated else Quirks(),
    )
