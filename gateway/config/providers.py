"""Providers with all their settings: those of a table, then those of its preset, then the general settings. Pure."""

from dataclasses import dataclass, replace
from typing import Final, get_args

from pydantic import SecretStr

from gateway.config.hosts import known_quirks, price_vendor
from gateway.config.presets import PRESETS, Api, Preset, PresetName
from gateway.config.settings import Settings
from gateway.config.tables import ProviderTable
from gateway.net.proxy import DIRECT
from gateway.upstreams.formats.base import Quirks, TokenLimit

NO_PRESET: Final = Preset("")
"""Defaults of a provider without a preset."""


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider as it is called. `base_url` None: the built-in simulator; `key_variable` None: no key variable.

    `vendor`: whose published prices apply to its calls; "" if that is not known.
    """

    name: str
    preset: str
    vendor: str
    base_url: str | None
    api: Api
    key_variable: str | None
    key: SecretStr | None
    connections: int
    connect_timeout: float
    max_event_bytes: int
    proxy: str
    quirks: Quirks


def preset_name(name: str, table: ProviderTable | None) -> PresetName | None:
    """Return the preset of a provider: the one that its table names, else the one of the same name, else None."""
    if table is not None and table.preset is not None:
        return table.preset
    return next((preset for preset in get_args(PresetName) if preset == name), None)


def resolve_provider(settings: Settings, name: str) -> Provider:
    """Return the provider of that name, which is that of a table or of a preset."""
    table = settings.providers.get(name) or ProviderTable.model_construct()
    known_preset = preset_name(name, table)
    preset = PRESETS[known_preset] if known_preset else NO_PRESET
    base_url = preset.base_url if table.base_url is None else str(table.base_url)
    return Provider(
        name=name,
        preset=known_preset or "",
        vendor=price_vendor(base_url),
        base_url=base_url,
        api=table.api or preset.api,
        key_variable=(preset.key_variable if table.key_variable is None else table.key_variable) or None,
        key=table.key,
        connections=table.connections,
        connect_timeout=table.connect_timeout or settings.connect_timeout,
        max_event_bytes=table.max_event_bytes or settings.max_event_bytes,
        proxy=DIRECT if base_url is None else table.proxy or settings.upstream_proxy,
        quirks=_with_settings(known_quirks(base_url) or preset.quirks, table.token_limit, table.stream_options),
    )


def single_provider(settings: Settings) -> Provider:
    """Return the only provider of settings without `[models]`: that of `upstream`, or the simulator."""
    is_simulated = settings.upstream is None
    base_url = None if is_simulated else str(settings.upstream)
    quirks = known_quirks(base_url) or Quirks()
    return Provider(
        name="simulator" if is_simulated else settings.provider,
        preset="simulator" if is_simulated else "",
        vendor=price_vendor(base_url),
        base_url=base_url,
        api="openai" if is_simulated else settings.upstream_api,
        key_variable=None,
        key=settings.upstream_api_key,
        connections=settings.upstream_connections,
        connect_timeout=settings.connect_timeout,
        max_event_bytes=settings.max_event_bytes,
        proxy=DIRECT if is_simulated else settings.upstream_proxy,
        quirks=PRESETS["simulator"].quirks
        if is_simulated
        else _with_settings(quirks, settings.upstream_token_limit, settings.upstream_stream_options),
    )


def _with_settings(quirks: Quirks, token_limit: TokenLimit | None, stream_options: bool | None) -> Quirks:  # noqa: FBT001
    """Return quirks with what is set in place of what is known."""
    return replace(
        quirks,
        token_limit=token_limit or quirks.token_limit,
        stream_options=quirks.stream_options if stream_options is None else stream_options,
    )
