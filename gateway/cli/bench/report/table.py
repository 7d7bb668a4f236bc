"""The tables of terminal and page: their columns, and the format of figures. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gateway.billing.prices import Price
from gateway.cli.bench.figures import REQUESTS, Figures, p50, p95
from gateway.cli.bench.results import Line, Results
from gateway.cli.bench.savings import DAYS

UNKNOWN = "\N{EN DASH}"
"""Displayed for an unknown figure."""
ESTIMATED = "~"
"""Prefix of a figure that is based on estimated tokens."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column. `left`: text, aligned to the left. A title may have two lines.

    `breaks`: a table that is too wide is split before this column.
    """

    title: str
    cell: Callable[[Line], str]
    left: bool = False
    breaks: bool = False


def performance() -> Sequence[Column]:
    """Return the columns of the first table: speed, price, cost and errors."""
    return (
        Column("Provider", lambda line: line.subject.provider, left=True),
        Column("Model", model, left=True),
        Column("TTFT\np50", lambda line: ms(p50(line.figures.ttft))),
        Column("TTFT\np95", lambda line: ms(p95(line.figures.ttft))),
        Column("chars/s", lambda line: number(line.figures.chars_per_s)),
        Column("tokens/s", lambda line: estimated(line.figures, number(line.figures.tokens_per_s, 1))),
        Column("gap\np95", lambda line: ms(line.figures.gap_p95)),
        Column("price\nper 1M", lambda line: price(line.subject.price), breaks=True),
        Column(f"{REQUESTS:,}\nrequests", lambda line: estimated(line.figures, money(line.figures.cost_of_many))),
        Column("errors", lambda line: errors(line.figures)),
    )


def roi(results: Results) -> Sequence[Column]:
    """Return the columns of the second table: cost of a month, and savings against the baseline."""
    baseline = next((line for line in results.lines if line.subject.label == results.savings.baseline), None)
    baseline_price = money(baseline.saving.blended if baseline else None)
    return (
        Column("Provider", lambda line: line.subject.provider, left=True),
        Column("Model", model, left=True),
        Column("blended\nper 1M", lambda line: money(line.saving.blended)),
        Column("baseline\nper 1M", lambda _line: baseline_price),
        Column("savings", lambda line: percent(line.saving.percent)),
        Column("a month", lambda line: money(line.saving.monthly)),
        Column("saved\na month", lambda line: money(line.saving.saved)),
    )


def roi_title(results: Results) -> str:
    """Return the title of the second table."""
    savings = results.savings
    share = "" if savings.input_share is None else f", {savings.input_share:.0%} of them input as measured"
    baseline = "" if savings.baseline is None else f", against {savings.baseline}"
    return f"{savings.daily_tokens:,} tokens a day, {DAYS} days{share}{baseline}"


def model(line: Line) -> str:
    """Return the provider's name of the model, as in the target's unique label."""
    return line.subject.label.removeprefix(f"{line.subject.provider}/")


def number(value: float | None, digits: int = 0) -> str:
    """Format a number."""
    return UNKNOWN if value is None else f"{value:,.{digits}f}"


def ms(seconds: float | None) -> str:
    """Format a time in milliseconds; below 10 ms with one decimal."""
    if seconds is None:
        return UNKNOWN
    value = seconds * 1000
    return f"{value:,.{0 if value >= 10 or not value else 1}f} ms"


def money(dollars: float | None) -> str:
    """Format US dollars: with cents, or with four decimals below $0.10."""
    if dollars is None:
        return UNKNOWN
    size = abs(dollars)
    return f"{'-' if dollars < 0 else ''}${size:,.{2 if size >= 0.1 or not size else 4}f}"


def percent(value: float | None) -> str:
    """Format a percentage; -0 is formatted as 0."""
    return UNKNOWN if value is None else f"{round(value) or 0} %"


def price(tokens: Price | None) -> str:
    """Format the price of a million tokens: input / output, or one figure if they are the same."""
    if tokens is None:
        return UNKNOWN
    if tokens.input == tokens.output:
        return money(tokens.input)
    return f"{money(tokens.input)} / {money(tokens.output)}"


def estimated(figures: Figures, text: str) -> str:
    """Prefix a figure with `ESTIMATED` if it is based on estimated tokens."""
    return text if text == UNKNOWN or figures.tokens is None or figures.tokens.exact else f"{ESTIMATED}{text}"


def errors(figures: Figures) -> str:
    """Format the number of failed requests, and their share."""
    failed = figures.requests - figures.answered
    if figures.error_rate is None:
        return UNKNOWN
    return f"{failed} ({figures.error_rate:.0%})" if failed else "0"


def problems(results: Results) -> list[str]:
    """Return one line per target and error code: how many requests failed, and the first message."""
    return [
        f"{line.subject.label}: {code}, {count} of {line.figures.requests}: {line.figures.messages[code]}"
        for line in results.lines
        for code, count in sorted(line.figures.errors.items())
    ]
