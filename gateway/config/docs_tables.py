"""The settings as Markdown tables, as docs/configuration.md shows them. Pure."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from gateway.config.presets import PRESETS, Preset
from gateway.config.settings import PLAIN, Settings, variable
from gateway.config.tables import JwtTable, ModelTable, PriceTable, ProviderTable, UpstreamTable
from gateway.upstreams.formats.base import Quirks

TABLES: Final[Mapping[str, type[BaseModel]]] = MappingProxyType(
    {
        "[providers.NAME]": ProviderTable,
        "[models.NAME]": ModelTable,
        "[[models.NAME.upstreams]]": UpstreamTable,
        "price": PriceTable,
        "[jwt]": JwtTable,
    }
)
"""The tables of the file, and what each may hold."""


def table() -> str:
    """Write the settings that have a variable each."""
    lines = ["| setting | variable | default | meaning |", "|---|---|---|---|"]
    for name in PLAIN:
        field = Settings.model_fields[name]
        lines.append(f"| `{name}` | `{variable(name)}` | {_default(field)} | {field.description} |")
    return "\n".join(lines)


def nested_table(kind: type[BaseModel]) -> str:
    """Write the keys of one of the file's own tables."""
    lines = ["| key | default | meaning |", "|---|---|---|"]
    for name, field in kind.model_fields.items():
        if not field.exclude:
            lines.append(f"| `{name}` | {_default(field)} | {field.description} |")
    return "\n".join(lines)


def preset_table() -> str:
    """Write what is known of providers, as docs/providers.md shows it."""
    lines = ["| preset | API | base URL | key variable | what it does otherwise |", "|---|---|---|---|---|"]
    for name, preset in PRESETS.items():
        url, key = (f"`{value}`" if value else "none" for value in (preset.base_url, preset.key_variable))
        lines.append(f"| `{name}` | `{preset.api}` | {url} | {key} | {_quirks(preset)} |")
    return "\n".join(lines)


def _default(field: FieldInfo) -> str:
    if field.default is PydanticUndefined:
        return "must be set"
    default = ", ".join(field.default) if isinstance(field.default, tuple) else field.default
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    return f"`{default}`" if default not in {None, ""} else "none"


def _quirks(preset: Preset) -> str:
    quirks = preset.quirks
    words = {
        "none": "",
        "last_message": "goes on from a last message of the assistant's",
        "prefix": "goes on from a last message marked `prefix`, below `/beta`",
        "continue_final_message": "goes on from a last message with `continue_final_message`",
    }
    told = [
        f"`max_tokens` is `{quirks.token_limit}`" if quirks.token_limit != Quirks().token_limit else "",
        "" if quirks.developer_role else "the role `developer` goes as `system`",
        words[quirks.continuation],
    ]
    return "; ".join(filter(None, told)) or "-"
