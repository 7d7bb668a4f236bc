"""The tables of terminal and page: their columns. Pure."""

from collections.abc import Sequence
from typing import Final

from gateway.billing.prices import Price
from gateway.cli.bench.formats import UNKNOWN, money, ms, number, percent
from gateway.cli.bench.providers.figures import REQUESTS, Figures, p50, p95
from gateway.cli.bench.providers.results import Line, Results
from gateway.cli.bench.providers.savings import DAYS
from gateway.cli.bench.tables import Column

ESTIMATED = "~"
"""Prefix of a figure that is based on estimated tokens."""


TARGET: Final = Column[Line]("Target", lambda line: line.subject.label, left=True)
"""First column of a split table: provider and model in one column."""


def performance() -> Sequence[Column[Line]]:
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


def roi(results: Results) -> Sequence[Column[Line]]:
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
