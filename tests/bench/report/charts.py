"""Charts as inline SVG; colours are the page's, by class. Pure."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

WIDTH = 560
LABEL = 92
VALUE = 108
BAR = 18
STEP = 26


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
    longest = max((bar.most for bar in chart if bar.value is not None), default=0.0) or 1.0
    scale = (WIDTH - LABEL - VALUE) / longest
    height = STEP * len(chart)
    drawn = [_bar(bar, index * STEP, scale) for index, bar in enumerate(chart)]
    return _svg(height, "".join(drawn), "; ".join(f"{bar.title} {bar.text}" for bar in chart))


def _bar(bar: Bar, top: float, scale: float) -> str:
    middle = top + STEP / 2
    label = f'<text x="{LABEL - 8}" y="{middle}" class="label end">{escape(bar.title)}</text>'
    if bar.value is None:
        return label + f'<text x="{LABEL}" y="{middle}" class="value">{escape(bar.text)}</text>'
    length = max(1.5, bar.value * scale)
    end = LABEL + max(length, bar.most * scale)
    whisker = (
        f'<path d="M{LABEL + bar.least * scale:.1f} {middle}H{LABEL + bar.most * scale:.1f}" class="whisker"/>'
        if bar.most > bar.least
        else ""
    )
    return (
        f'{label}<rect x="{LABEL}" y="{middle - BAR / 2}" width="{length:.1f}" height="{BAR}" rx="3" '
        f'class="{bar.target}"/>{whisker}'
        f'<text x="{end + 8:.1f}" y="{middle}" class="value">{escape(bar.text)}</text>'
    )


@dataclass(frozen=True, slots=True)
class Curve:
    """A line through points (streams, value)."""

    target: str
    title: str
    points: Sequence[tuple[float, float]]


def curves(chart: Sequence[Curve], write: Callable[[float], str]) -> str:
    """Draw values over the number of streams, that in powers of ten."""
    height, left, right, top, bottom = 240, 64, 96, 12, 30
    every = [point for curve in chart for point in curve.points]
    if not every:
        return ""
    first, last = min(x for x, _ in every), max(x for x, _ in every)
    ceiling = _ceiling(max(y for _, y in every))
    spread = math.log10(last / first) or 1.0

    def place(x: float, y: float) -> tuple[float, float]:
        return (
            left + (WIDTH - left - right) * math.log10(x / first) / spread,
            height - bottom - (height - top - bottom) * y / ceiling,
        )

    drawn = [_grid(share * ceiling / 4, place(first, share * ceiling / 4)[1], left, right, write) for share in range(5)]
    drawn += [
        f'<text x="{place(x, 0)[0]:.1f}" y="{height - 12}" class="label middle">{x:,.0f}</text>'
        for x in sorted({x for x, _ in every})
    ]
    drawn += [_curve(curve, [place(*point) for point in curve.points]) for curve in chart if curve.points]
    ends = {curve.title: place(*curve.points[-1]) for curve in chart if curve.points}
    drawn += [
        f'<text x="{ends[title][0] + 10:.1f}" y="{y:.1f}" class="value">{escape(title)}</text>'
        for title, y in _apart({title: y for title, (_, y) in ends.items()}, 16).items()
    ]
    told = "; ".join(f"{curve.title} {write(curve.points[-1][1])}" for curve in chart if curve.points)
    return _svg(height, "".join(drawn), told)


def _grid(value: float, y: float, left: float, right: float, write: Callable[[float], str]) -> str:
    return (
        f'<path d="M{left} {y:.1f}H{WIDTH - right}" class="grid"/>'
        f'<text x="{left - 8}" y="{y:.1f}" class="label end">{escape(write(value))}</text>'
    )


def _curve(curve: Curve, places: Sequence[tuple[float, float]]) -> str:
    path = "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
    dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" class="{curve.target}"/>' for x, y in places)
    return f'<path d="M{path}" class="curve line-{curve.target}"/>{dots}'


def _apart(heights: Mapping[str, float], least: float) -> dict[str, float]:
    """Move labels down until none covers another."""
    placed: dict[str, float] = {}
    lowest = -math.inf
    for title, y in sorted(heights.items(), key=lambda item: item[1]):
        lowest = max(y, lowest + least)
        placed[title] = lowest
    return placed


def _ceiling(value: float) -> float:
    """Give the next round number above."""
    unit = 10.0 ** math.floor(math.log10(value)) if value > 0 else 1.0
    return next(step * unit for step in (1, 2, 4, 6, 8, 10) if step * unit >= value)


def _svg(height: float, content: str, told: str) -> str:
    return f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(told, quote=True)}">{content}</svg>'
