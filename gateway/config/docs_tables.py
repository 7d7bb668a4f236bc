"""The settings and presets as Markdown tables, for configuration.md and providers.md of docs/reference. Pure."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from gateway.config.defaults import DefaultsTable, FunctionTable, ToolTable
from gateway.config.hosts import HOSTS
from gateway.config.presets import PRESETS
from gateway.config.settings import PLAIN_SETTINGS, Settings, variable_name
from gateway.config.tables import JwtTable, LongPriceTable, ModelTable, PriceTable, ProviderTable, UpstreamTable
from gateway.upstreams.formats.base import Quirks

FILE_TABLES: Final[Mapping[str, type[BaseModel]]] = MappingProxyType(
    {
        "[providers.NAME]": ProviderTable,
        "[models.NAME]": ModelTable,
        "[models.NAME.defaults]": DefaultsTable,
        "[[models.NAME.defaults.tools]]": ToolTable,
        "function": FunctionTable,
        "[[models.NAME.upstreams]]": UpstreamTable,
        "price": PriceTable,
        "long": LongPriceTable,
        "[jwt]": JwtTable,
    }
)
"""Tables of the configuration file, by the headings that the documentation gives them."""

_CONTINUATIONS: Final = {
    "none": "",
    "last_message": "continues a final assistant message",
    "prefix": "continues a final assistant message marked `prefix`, below `/beta`",
    "continue_final_message": "continues a final assistant message with `continue_final_message`",
}

_TOOL_IDS: Final = {
    "any": "",
    "40_characters": "ids of tool calls have at most 40 characters",
    "9_alphanumerics": "ids of tool calls have 9 letters and digits",
}
_REASONING: Final = {"as_sent": "", "none": "earlier reasoning is not sent"}


def settings_table() -> str:
    """Return a table of the settings that have an environment variable each."""
    lines = ["| setting | variable | default | meaning |", "|---|---|---|---|"]
    for name in PLAIN_SETTINGS:
        field = Settings.model_fields[name]
        lines.append(f"| `{name}` | `{variable_name(name)}` | {_format_default(field)} | {field.description} |")
    return "\n".join(lines)


def keys_table(table: type[BaseModel]) -> str:
    """Return a table of the keys of one of `FILE_TABLES`."""
    lines = ["| key | default | meaning |", "|---|---|---|"]
    for name, field in table.model_fields.items():
        if not field.exclude:
            lines.append(f"| `{name}` | {_format_default(field)} | {field.description} |")
    return "\n".join(lines)


def preset_table() -> str:
    """Return a table of the presets."""
    lines = ["| preset | API | base URL | key variable | differences |", "|---|---|---|---|---|"]
    for name, preset in PRESETS.items():
        url, key = (f"`{value}`" if value else "none" for value in (preset.base_url, preset.key_variable))
        lines.append(f"| `{name}` | `{preset.api}` | {url} | {key} | {_format_quirks(preset.quirks)} |")
    return "\n".join(lines)


def host_table() -> str:
    """Return a table of the hosts that are known without a preset."""
    lines = ["| host | differences |", "|---|---|"]
    for name, quirks in HOSTS.items():
        host = f"`*{name}`" if name.startswith(".") else f"`{name}`"
        lines.append(f"| {host} | {_format_quirks(quirks)} |")
    return "\n".join(lines)


def _format_default(field: FieldInfo) -> str:
    if field.default is PydanticUndefined:
        return "must be set"
    default = ", ".join(field.default) if isinstance(field.default, tuple) else field.default
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    return f"`{default}`" if default not in {None, ""} else "none"


def _format_quirks(quirks: Quirks) -> str:
    differences = [
        f"`max_tokens` is sent as `{quirks.token_limit}`" if quirks.token_limit != Quirks().token_limit else "",
        "" if quirks.developer_role else "the role `developer` is sent as `system`",
        _CONTINUATIONS[quirks.continuation],
        "" if quirks.stream_options else "`stream_options` is not sent",
        _TOOL_IDS[quirks.tool_ids],
        _REASONING.get(quirks.reasoning, f"earlier reasoning is sent as `{quirks.reasoning}`"),
        "tool calls carry Google's thought signatures" if quirks.tool_signatures == "google" else "",
        f"the key is sent as `{quirks.key_header}`" if quirks.key_header != Quirks().key_header else "",
    ]
    return "; ".join(filter(None, differences)) or "-"
