"""The events of the log, as the source has them: all calls of loggers, and the fields that they pass."""

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from gateway.upstreams.errors.failures import FAILURE_EVENTS

ROOT: Final = Path(__file__).parents[1]
LEVELS: Final = frozenset({"debug", "info", "warning", "error", "exception", "critical", "log"})
LOGGERS: Final = frozenset({"logger"})


@dataclass(frozen=True)
class LogCall:
    """A call of a logger."""

    place: str
    level: str
    has_fields: bool


def _modules() -> Iterator[tuple[Path, ast.Module]]:
    for package in ("gateway", "transports"):
        for path in sorted((ROOT / package).rglob("*.py")):
            yield path.relative_to(ROOT), ast.parse(path.read_text(encoding="utf-8"))


@cache
def log_calls() -> Sequence[LogCall]:
    """Return all calls of loggers."""
    return [
        LogCall(f"{path}:{node.lineno}", node.func.attr, any(keyword.arg == "extra" for keyword in node.keywords))
        for path, module in _modules()
        for node in ast.walk(module)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in LEVELS
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id in LOGGERS
    ]


@cache
def events() -> Mapping[str, frozenset[str]]:
    """Return the fields of each event: those of all its places."""
    found: dict[str, set[str]] = {}
    for path, module in _modules():
        for node in ast.walk(module):
            match node:
                case ast.Call(func=ast.Name(id="log_fields"), args=[event]):
                    names = {keyword.arg or "**" for keyword in node.keywords}
                case ast.Dict(keys=[ast.Name(id="EVENT"), *keys], values=[ast.Constant() as event, *_]):
                    # Where they are many: a call with all of them as arguments would cost more than the line.
                    names = {str(key.value) if isinstance(key, ast.Constant) else "**" for key in keys}
                case _:
                    continue
            for name in _names(event, str(path)):
                found.setdefault(name, set()).update(names)
    return {event: frozenset(names) for event, names in found.items()}


def _names(node: ast.expr, place: str) -> Iterator[str]:
    """Yield the names that an expression for an event may be."""
    match node:
        case ast.Constant(value=str(name)):
            yield name
        case ast.IfExp(body=body, orelse=other):
            yield from _names(body, place)
            yield from _names(other, place)
        case ast.Subscript(value=ast.Name(id="FAILURE_EVENTS")):
            yield from FAILURE_EVENTS.values()
        case _:
            message = f"{place}: an event must be a constant: {ast.unparse(node)}"
            raise AssertionError(message)
