"""The names of tools: those of this API stand in namespaces, and some take free text; functions know neither. Pure.

A tool of the namespace `n` is the function `n__name` for another provider. `functions` is the namespace of tools that
have none. Agents announce tools in `tools`, and in items of the type `additional_tools` (Codex since 0.147).
"""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from pydantic import JsonValue

from gateway.protocol.commands import JsonObject
from gateway.upstreams.formats.json_values import list_of, object_of, text_of

NAMESPACE: Final = "namespace"
ADDITIONAL: Final = "additional_tools"

_DEFAULT_NAMESPACE: Final = "functions"
_MAX_LENGTH: Final = 64
"""Maximum length of a function's name at OpenAI and Anthropic."""


class DeclaredTool(NamedTuple):
    """A tool of a request: itself, the namespace that it is in, and where it stands."""

    tool: JsonValue
    namespace: str | None
    path: str


class ToolName(NamedTuple):
    """The name of a tool in this API. A `custom` tool takes free text in place of JSON."""

    name: str
    namespace: str | None
    custom: bool

    def fields(self) -> dict[str, object]:
        """Return the fields of a call that name its tool."""
        return {"name": self.name, **({} if self.namespace is None else {NAMESPACE: self.namespace})}


def function_name(name: str, namespace: JsonValue = None) -> str:
    """Return the name of the function that stands for a tool."""
    if not isinstance(namespace, str) or namespace == _DEFAULT_NAMESPACE:
        return name
    full = f"{namespace.rstrip('_')}__{name}"
    if len(full) <= _MAX_LENGTH:
        return full
    digest = hashlib.sha256(full.encode()).hexdigest()[:8]
    return f"{full[: _MAX_LENGTH - len(digest) - 1]}_{digest}"


def declared_tools(body: Mapping[str, JsonValue]) -> Iterator[DeclaredTool]:
    """Yield the tools of a request, those of namespaces one by one."""
    yield from _flatten(body.get("tools"), "tools")
    for at, item in enumerate(list_of(body.get("input"))):
        if _announces_tools(item):
            yield from _flatten(object_of(item).get("tools"), f"input[{at}].tools")


def tool_items(body: Mapping[str, JsonValue]) -> list[JsonValue]:
    """Return the items of a request's input that announce tools."""
    return [*filter(_announces_tools, list_of(body.get("input")))]


def _announces_tools(item: JsonValue) -> bool:
    return object_of(item).get("type") == ADDITIONAL


def _flatten(tools: JsonValue, path: str) -> Iterator[DeclaredTool]:
    for at, tool in enumerate(list_of(tools)):
        found, place = object_of(tool), f"{path}[{at}]"
        if found.get("type") == NAMESPACE:
            name = text_of(found.get("name")) or ""
            inner = enumerate(list_of(found.get("tools")))
            yield from (DeclaredTool(each, name, f"{place}.tools[{number}]") for number, each in inner)
        else:
            yield DeclaredTool(tool, None, place)


def tool_names(body: Mapping[str, JsonValue]) -> dict[str, ToolName]:
    """Return the names of the tools that differ from those of their functions, or that take free text."""
    names: dict[str, ToolName] = {}
    for declared in declared_tools(body):
        tool: JsonObject = object_of(declared.tool)
        name, custom = text_of(tool.get("name")), tool.get("type") == "custom"
        if name is not None and (custom or declared.namespace is not None):
            names[function_name(name, declared.namespace)] = ToolName(name, declared.namespace, custom)
    return names
