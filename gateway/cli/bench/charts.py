"""Charts as inline SVG. The page's style sheet sets the colours, by class. Pure."""

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
"""Average width of a character in the widest of the page's fonts."""
MAX_TITLE = 32
"""Maximum characters of a title."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar: median, minimum and maximum of its runs, and its text. Without a value only the text is drawn."""

    target: str
    title: str
    text: str
    value: float | None = None
    min_value: float = 0.0
    max_value: float = 0.0


def bars(chart: Sequence[Bar]) -> str:
    """Draw horizontal bars, each with the spread of its runs as a thin line."""
    max_value = max((max(bar.value, bar.max_value) for bar in chart if bar.value is not None), default=0.0) or 1.0
    label = _reserve(LABEL, [_short(bar.title) for bar in chart])
    scale = (WIDTH - label - _reserve(VALUE, [bar.text for bar in chart])) / max_value
    drawn = [_bar(bar, index * STEP, label, scale) for index, bar in enumerate(chart)]
    return svg(STEP * len(chart), "".join(drawn), "; ".join(f"{bar.title} {bar.text}" for bar in chart))


def _bar(bar: Bar, top: float, left: float, scale: float) -> str:
    middle = top + STEP / 2
    label = _label(bar.title, left, middle)
    if bar.value is None:
        return label + f'<text x="{left}" y="{middle}" class="value">{escape(bar.text)}</text>'
    length = max(1.5, bar.value * scale)
    end = left + max(length, bar.max_value * scale)
    whisker = (
        f'<path d="M{left + bar.min_value * scale:.1f} {middle}H{left + bar.max_value * scale:.1f}" class="whisker"/>'
        if bar.max_value > bar.min_value
        else ""
    )
    return (
        f'{label}<rect x="{left}" y="{middle - BAR / 2}" width="{length:.1f}" height="{BAR}" rx="3" '
        f'class="{bar.target}"/>{whisker}'
        f'<text x="{end + 8:.1f}" y="{middle}" class="value">{escape(bar.text)}</text>'
    )


@dataclass(frozen=True, slots=True)
class Strip:
    """All values of one target, for a row of dots."""

    target: str
    title: str
    values: Sequence[float]


def strips(chart: Sequence[Strip], write: Callable[[float], str]) -> str:
    """Draw each value as a dot, one row per target, on a scale that starts at 0."""
    values = [value for strip in chart for value in strip.values]
    if not values:
        return ""
    scale_end = ceiling(max(values))
    left, right, height = _reserve(LABEL, [_short(strip.title) for strip in chart]), 24, STEP * len(chart)
    scale = (WIDTH - left - right) / scale_end
    drawn = [
        _mark(quarter * scale_end / 4, left + quarter * scale_end / 4 * scale, height, write) for quarter in range(5)
    ]
    drawn += [_strip(strip, STEP * (index + 0.5), left, scale) for index, strip in enumerate(chart)]
    description = "; ".join(
        f"{strip.title} {write(min(strip.values))} to {write(max(strip.values))}" for strip in chart if strip.values
    )
    return svg(height + 26, "".join(drawn), description)


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
    """Draw a horizontal grid line with its value to the left."""
    return (
        f'<path d="M{left} {y:.1f}H{WIDTH - right}" class="grid"/>'
        f'<text x="{left - 8}" y="{y:.1f}" class="label end">{escape(write(value))}</text>'
    )


def ceiling(value: float) -> float:
    """Return the next round number that is not less than `value`."""
    unit = 10.0 ** math.floor(math.log10(value)) if value > 0 else 1.0
    return next((step * unit for step in (1, 2, 4, 6, 8, 10) if step * unit >= value), 10 * unit)


def svg(height: float, content: str, description: str) -> str:
    """Build the SVG element; `description` is its accessible name."""
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(description, quote=True)}">{content}</svg>'
    )


def _label(title: str, left: float, middle: float) -> str:
    tooltip = f"<title>{escape(title)}</title>" if _short(title) != title else ""
    return f'<text x="{left - 8}" y="{middle}" class="label end">{tooltip}{escape(_short(title))}</text>'


def _short(title: str) -> str:
    """Shorten a title at its beginning: the names of models differ at the end."""
    return title if len(title) <= MAX_TITLE else f"…{title[1 - MAX_TITLE :]}"


def _reserve(min_width: float, texts: Sequence[str]) -> float:
    return max(min_width, math.ceil(CHARACTER * max(map(len, texts), default=0)) + 8)
