"""Wording of configuration errors: converts the errors of pydantic to problems in terms of a TOML file. Pure."""

from collections.abc import Iterator, Mapping
from typing import Final

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from gateway.config.defaults import DefaultsTable, FunctionTable, ToolTable
from gateway.config.settings import Settings
from gateway.config.tables import JwtTable, LongPriceTable, ModelTable, PriceTable, ProviderTable, UpstreamTable
from gateway.toml import problems
from gateway.toml.problems import Path, Problem

_TABLES: Final[Mapping[str, type[BaseModel]]] = {"providers": ProviderTable, "models": ModelTable, "jwt": JwtTable}

_INNER_TABLES: Final[Mapping[str, type[BaseModel]]] = {
    "upstreams": UpstreamTable,
    "price": PriceTable,
    "long": LongPriceTable,
    "defaults": DefaultsTable,
    "tools": ToolTable,
    "function": FunctionTable,
}
"""Tables inside those, by their keys."""

_LISTS: Final[Mapping[str, str]] = {"upstreams": "models.NAME.upstreams", "tools": "models.NAME.defaults.tools"}
"""Lists of tables, each with the name in the double brackets of its entries."""

_SIMILAR_TABLES: Final[Mapping[Path, str]] = {
    ("model",): "must be a list of names; a model with its own upstream is a table [models.NAME]",
    ("provider",): "must be a string in quotes; a provider is a table [providers.NAME]",
}
"""Messages for settings whose names differ from the name of a table by one letter."""


def to_problem(error: ErrorDetails) -> Problem:
    """Convert an error of pydantic."""
    location = error["loc"]
    return Problem(_to_path(location), _to_message(error["type"], error["msg"], location))


def _to_path(location: tuple[str | int, ...]) -> Path:
    """Return the path of an error. Pydantic appends "[key]" if the key itself is wrong, not its value."""
    return location[:-1] if location[-1:] == ("[key]",) else location


def _to_message(kind: str, message: str, location: tuple[str | int, ...]) -> str:
    if kind == "extra_forbidden":
        return _unknown_setting(location)
    if kind in {"tuple_type", "list_type"} and location[0] == "models" and location[-1] in _LISTS:
        return f"must be a list: each entry begins with [[{_LISTS[str(location[-1])]}]]"
    if location in _SIMILAR_TABLES and kind in {"string_type", "tuple_type"}:
        return _SIMILAR_TABLES[location]
    if location[:1] == ("aliases",) and kind == "string_type":
        return "must be the name of a model; put a name with a dot in quotes, and settings above the first table"
    if location[-1:] == ("[key]",):
        return f"its name {problems.reword(message)}"
    return problems.describe(kind, message)


def _unknown_setting(location: tuple[str | int, ...]) -> str:
    if location[0] == "models" and len(location) == 3 and location[-1] in DefaultsTable.model_fields:
        return "unknown setting: it belongs to the table [models.NAME.defaults]"
    return problems.unknown_setting(str(location[-1]), list(_allowed_keys(location)))


def _allowed_keys(location: tuple[str | int, ...]) -> Iterator[str]:
    """Yield the keys of the table that contains a location."""
    table = _TABLES.get(str(location[0]), Settings) if len(location) > 1 else Settings
    for part in location[2:-1]:
        table = _INNER_TABLES.get(str(part), table)
    return (name for name, field in table.model_fields.items() if not field.exclude)
