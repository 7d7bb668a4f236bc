"""Charts as inline SVG; colours are the page's, by class. Pure."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

WIDTH = 560
LABEL = 92
VALUE = 108
BAR = 18
STEP = 26
CHARACTER = 8
"""How wide one is, on average, in the widest of the page's fonts."""
LONGEST = 32
"""Characters of a title that there is room for."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar: its median, the least and most of its runs, and how to write it. Without a value only the text."""

    target: str
    title: str
    text: str
    value: float | None = None
    least: float = 0.0
    most: float = 0.0


def bars(chart: Sequence[Bar]) -> str:
    """Draw horizontal bars, each with the spread of its runs as a thin line."""
    longest = max((max(bar.value, bar.most) for bar in chart if bar.value is not None), default=0.0) or 1.0
    label = _room(LABEL, [_short(bar.title) for bar in chart])
    scale = (WIDTH - label - _room(VALUE, [bar.text for bar in chart])) / longest
    drawn = [_bar(bar, index * STEP, label, scale) for index, bar in enumerate(chart)]
    return svg(STEP * len(chart), "".join(drawn), "; ".join(f"{bar.title} {bar.text}" for bar in chart))


def _bar(bar: Bar, top: float, left: float, scale: float) -> str:
    middle = top + STEP / 2
    label = _label(bar.title, left, middle)
    if bar.value is None:
        return label + f'<text x="{left}" y="{middle}" class="value">{escape(bar.text)}</text>'
    length = max(1.5, bar.value * scale)
    end = left + max(length, bar.most * scale)
    whisker = (
        f'<path d="M{left + bar.least * scale:.1f} {middle}H{left + bar.most * scale:.1f}" class="whisker"/>'
        if bar.most > bar.least
        else ""
    )
    return (
        f'{label}<rect x="{left}" y="{middle - BAR / 2}" width="{length:.1f}" height="{BAR}" rx="3" '
        f'class="{bar.target}"/>{whisker}'
        f'<text x="{end + 8:.1f}" y="{middle}" class="value">{escape(bar.text)}</text>'
    )


@dataclass(frozen=True, slots=True)
class Strip:
    """All values of one target."""

    target: str
    title: str
    values: Sequence[float]


def strips(chart: Sequence[Strip], write: Callable[[float], str]) -> str:
    """Draw each value as a dot, a row for each target, over a scale from 0."""
    every = [value for strip in chart for value in strip.values]
    if not every:
        return ""
    most = ceiling(max(every))
    left, right, height = _room(LABEL, [_short(strip.title) for strip in chart]), 24, STEP * len(chart)
    scale = (WIDTH - left - right) / most
    drawn = [_mark(share * most / 4, left + share * most / 4 * scale, height, write) for share in range(5)]
    drawn += [_strip(strip, STEP * (index + 0.5), left, scale) for index, strip in enumerate(chart)]
    told = "; ".join(
        f"{strip.title} {write(min(strip.values))} to {write(max(strip.values))}" for strip in chart if strip.values
    )
    return svg(height + 26, "".join(drawn), told)


def _strip(strip: Strip, middle: float, left: float, scale: float) -> str:
    dots = "".join(
        f'<circle cx="{left + value * scale:.1f}" cy="{middle}" r="4.5" class="dot {strip.target}"/>'
        for value in strip.values
    )
    return _label(strip.title, left, middle) + dots


def _mark(value: float, x: float, height: float, write: Callable[[float], str]) -> str:
    return (
        f'<path d="M{x:.1f} 0V{height}" class="grid"/>'
        f'<text x="{x:.1f}" y="{height + 14}" class="label middle">{escape(write(value))}</text>'
    )


def grid(value: float, y: float, left: float, right: float, write: Callable[[float], str]) -> str:
    """Draw a line across, with its value before it."""
    return (
        f'<path d="M{left} {y:.1f}H{WIDTH - right}" class="grid"/>'
        f'<text x="{left - 8}" y="{y:.1f}" class="label end">{escape(write(value))}</text>'
    )


def ceiling(value: float) -> float:
    """Give the next round number above."""
    unit = 10.0 ** math.floor(math.log10(value)) if value > 0 else 1.0
    return next((step * unit for step in (1, 2, 4, 6, 8, 10) if step * unit >= value), 10 * unit)


def svg(height: float, content: str, told: str) -> str:
    """Frame a drawing; `told` is for those who don't see it."""
    return f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(told, quote=True)}">{content}</svg>'


def _label(title: str, left: float, middle: float) -> str:
    whole = f"<title>{escape(title)}</title>" if _short(title) != title else ""
    return f'<text x="{left - 8}" y="{middle}" class="label end">{whole}{escape(_short(title))}</text>'


def _short(title: str) -> str:
    """Cut the beginning off: names of models differ at their end."""
    return title if len(title) <= LONGEST else f"…{title[1 - LONGEST :]}"


def _room(least: float, texts: Sequence[str]) -> float:
    return max(least, math.ceil(CHARACTER * max(map(len, texts), default=0)) + 8)
