"""Collect usage figures that come in several events of one response. Pure."""

from typing import Final

from pydantic import JsonValue

from gateway.protocol.commands import JsonObject

MAX_FIGURES: Final = 100
"""Names that are kept of one object: no API has half as many."""


def merge_figures(known: JsonObject, later: JsonObject) -> JsonObject:
    """Return the figures known so far, replaced by later ones of the same name.

    A later null or 0 replaces none: some servers fill in all fields of each event, with 0 where they know nothing.
    """
    merged = dict(known)
    for name, value in later.items():
        before = merged.get(name)
        if isinstance(before, dict) and isinstance(value, dict):
            merged[name] = merge_figures(before, value)
        elif not (_is_nothing(value) and before is not None) and (name in merged or len(merged) < MAX_FIGURES):
            merged[name] = value
    return merged


def _is_nothing(value: JsonValue) -> bool:
    return value is None or (isinstance(value, int | float) and value == 0)
