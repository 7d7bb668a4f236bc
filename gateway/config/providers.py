"""A provider as it is called: what its table says, over what its preset knows, over what is set for all. Pure."""

from dataclasses import dataclass
from typing import get_args

from pydantic import SecretStr

from gateway.billing.prices import Price, known_price
from gateway.config.presets import PRESETS, Api, Preset, PresetName
from gateway.config.settings import Settings
from gateway.config.tables import ProviderTable
from gateway.upstreams.formats.base import Quirks

NO_PRESET = Preset("")


@dataclass(frozen=True, slots=True)
class Provider:
    """Where models are asked. `base_url` None: the simulator that is built in; `key_variable` None: it has no key."""

    name: str
    preset: str
    base_url: str | None
    api: Api
    key_variable: str | None
    key: SecretStr | None
    connections: int
    connect_timeout: float
    quirks: Quirks

    def price_of(self, model: str, given: Price | None) -> Price | None:
        """Give what tokens of a model cost here; None if nobody told."""
        return given or known_price(self.preset, model)


def preset_name(name: str, table: ProviderTable | None) -> PresetName | None:
    """Give the preset of a provider: the one that its table names, or else that of its own name."""
    if table is not None and table.preset is not None:
        return table.preset
    return next((preset for preset in get_args(PresetName) if preset == name), None)


def provider(settings: Settings, name: str) -> Provider:
    """Give the provider of that name: a table's, or a preset's own."""
    table = settings.providers.get(name) or ProviderTable()
    found = preset_name(name, table)
    preset = PRESETS[found] if found else NO_PRESET
    return Provider(
        name=name,
        preset=found or "",
        base_url=preset.base_url if table.base_url is None else str(table.base_url),
        api=table.api or preset.api,
        key_variable=(preset.key_variable if table.key_variable is None else table.key_variable) or None,
        key=table.key,
        connections=table.connections,
        connect_timeout=table.connect_timeout or settings.connect_timeout,
        quirks=preset.quirks,
    )


def single(settings: Settings) -> Provider:
    """Give the one provider of settings without `[models]`: that of `upstream`, or the simulator."""
    simulated = settings.upstream is None
    return Provider(
        name="simulator" if simulated else settings.provider,
        preset="simulator" if simulated else "",
        base_url=None if simulated else str(settings.upstream),
        api="openai" if simulated else settings.upstream_api,
        key_variable=None,
        key=settings.upstream_api_key,
        connections=settings.upstream_connections,
        connect_timeout=settings.connect_timeout,
        quirks=PRESETS["simulator"].quirks if simulated else Quirks(),
    )
