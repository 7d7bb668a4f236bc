"""The tables that terminal and page show: how figures are written, in which columns. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gateway.billing.prices import Price
from gateway.cli.bench.figures import REQUESTS, Figures, p50, p95
from gateway.cli.bench.results import Line, Results
from gateway.cli.bench.savings import DAYS

NOTHING = "\N{EN DASH}"
"""What is not known."""
ESTIMATED = "~"
"""Before what rests on tokens that the provider did not count."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column; `left`: it holds words. A title may take two lines.

    `breaks`: a table that is too wide is divided before it.
    """

    title: str
    cell: Callable[[Line], str]
    left: bool = False
    breaks: bool = False


def performance() -> Sequence[Column]:
    """Give the columns of the first table."""
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
    """Give the columns of the second table: a month's cost, and what is saved against the baseline."""
    against = next((line for line in results.lines if line.subject.label == results.savings.baseline), None)
    other = money(against.saving.blended if against else None)
    return (
        Column("Provider", lambda line: line.subject.provider, left=True),
        Column("Model", model, left=True),
        Column("blended\nper 1M", lambda line: money(line.saving.blended)),
        Column("baseline\nper 1M", lambda _line: other),
        Column("savings", lambda line: percent(line.saving.percent)),
        Column("a month", lambda line: money(line.saving.monthly)),
        Column("saved\na month", lambda line: money(line.saving.saved)),
    )


def roi_title(results: Results) -> str:
    """Say what the second table is of."""
    told = results.savings
    share = "" if told.input_share is None else f", {told.input_share:.0%} of them input as measured"
    against = "" if told.baseline is None else f", against {told.baseline}"
    return f"{told.daily_tokens:,} tokens a day, {DAYS} days{share}{against}"


def model(line: Line) -> str:
    """Give the model's name at its provider, told apart from others of the same name."""
    return line.subject.label.removeprefix(f"{line.subject.provider}/")


def number(value: float | None, digits: int = 0) -> str:
    """Write a figure."""
    return NOTHING if value is None else f"{value:,.{digits}f}"


def ms(seconds: float | None) -> str:
    """Write a time in milliseconds; what is short with a decimal."""
    if seconds is None:
        return NOTHING
    value = seconds * 1000
    return f"{value:,.{0 if value >= 10 or not value else 1}f} ms"


def money(dollars: float | None) -> str:
    """Write US dollars, to the cent unless it is about less."""
    if dollars is None:
        return NOTHING
    size = abs(dollars)
    return f"{'-' if dollars < 0 else ''}${size:,.{2 if size >= 0.1 or not size else 4}f}"


def percent(value: float | None) -> str:
    """Write a percentage; -0 is 0."""
    return NOTHING if value is None else f"{round(value) or 0} %"


def price(asked: Price | None) -> str:
    """Write what a million tokens cost: input / output, or one figure that is both."""
    if asked is None:
        return NOTHING
    if asked.input == asked.output:
        return money(asked.input)
    return f"{money(asked.input)} / {money(asked.output)}"


def estimated(figures: Figures, text: str) -> str:
    """Mark what rests on an estimate."""
    return text if text == NOTHING or figures.tokens is None or figures.tokens.exact else f"{ESTIMATED}{text}"


def errors(figures: Figures) -> str:
    """Write how many failed, and their share."""
    failed = figures.requests - figures.answered
    if figures.error_rate is None:
        return NOTHING
    return f"{failed} ({figures.error_rate:.0%})" if failed else "0"


def problems(results: Results) -> list[str]:
    """Tell for each target and code how often it failed so, and what the first of them said."""
    return [
        f"{line.subject.label}: {code}, {count} of {line.figures.requests}: {line.figures.messages[code]}"
        for line in results.lines
        for code, count in sorted(line.figures.errors.items())
    ]
