"""Figures as text, in the tables and charts of every benchmark. An unknown figure is never 0. Pure."""

from typing import Final

UNKNOWN: Final = "\N{EN DASH}"
"""Displayed for an unknown figure."""


def number(value: float | None, digits: int = 0) -> str:
    """Format a number."""
    return UNKNOWN if value is None else f"{value:,.{digits}f}"


def ms(seconds: float | None) -> str:
    """Format a time in milliseconds; below 10 ms with one decimal, below 1 ms with two."""
    if seconds is None:
        return UNKNOWN
    value = seconds * 1000
    return f"{value:,.{0 if value >= 10 or not value else 1 if value >= 1 else 2}f} ms"


def money(dollars: float | None) -> str:
    """Format US dollars: with cents, or with four decimals below $0.10."""
    if dollars is None:
        return UNKNOWN
    size = abs(dollars)
    return f"{'-' if dollars < 0 else ''}${size:,.{2 if size >= 0.1 or not size else 4}f}"


def percent(value: float | None) -> str:
    """Format a percentage; -0 is formatted as 0."""
    return UNKNOWN if value is None else f"{round(value) or 0} %"
