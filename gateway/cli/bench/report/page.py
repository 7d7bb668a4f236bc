"""Results as a page. Pure, but for its style, which is read from beside it."""

from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path

from gateway.billing.prices import PRICED_ON
from gateway.cli.bench.figures import REQUESTS, p50
from gateway.cli.bench.report.cards import cards
from gateway.cli.bench.report.document import document
from gateway.cli.bench.report.table import NOTHING, Column, money, ms, number, performance, problems, roi, roi_title
from gateway.cli.bench.results import Line, Results

COLOURS = Path(__file__).with_name("colours.css")

METHOD = (
    "TTFT, the time to first token: from sending the request to the first read that brings content, be it text, "
    "thinking or a tool call.",
    "chars/s and tokens/s: the median over the requests of what came after that first read, divided by the time from "
    "it to the last read with content. Tokens are taken to be spread over the characters evenly.",
    "gap: between two successive reads with content, over all requests of a target.",
    "p50 and p95 are nearest ranks: the least measured value that 50 or 95 of 100 do not exceed. Of fewer than 20 "
    "values p95 is the greatest.",
    "Cost: what the answered requests used, on average, at the configured price; cached input at its own. Prices that "
    f"nobody configured are those known to Dualstream, of {PRICED_ON}.",
    "A month: the daily tokens at the price of a mix of input and output, the same mix for all targets and none of it "
    "cached.",
    "In each round each target got one turn, with as many requests at once as the concurrency says; the round began "
    "with another target each time. No retries, no failover. Figures are of the answered requests only.",
    f"{NOTHING} is what is not known; ~ rests on an estimate of the tokens, four bytes of text each.",
)


def page(results: Results) -> str:
    """Write the page."""
    figures = (_head(results), _tiles(results), cards(results), _tables(results))
    notes = (_wrong(results), _method(), _facts(results))
    return document("Dualstream: models compared", "".join((*figures, *notes)), COLOURS.read_text("utf-8"))


def _head(results: Results) -> str:
    plan = results.plan
    early = " · interrupted: figures of the requests that had ended" if results.interrupted else ""
    return (
        f"<h1>Models compared</h1>\n<p class=soft>{escape(results.taken)} · {plan.requests} requests to each target, "
        f"{plan.concurrency} at once, up to {plan.max_tokens:,} tokens an answer{early}</p>\n"
    )


def _tiles(results: Results) -> str:
    tiles = (
        _best(results, "first to begin, TTFT p50", lambda line: p50(line.figures.ttft), ms),
        _best(results, "fastest, chars/s", lambda line: line.figures.chars_per_s, number, most=True),
        _best(results, f"cheapest, {REQUESTS:,} requests", lambda line: line.figures.cost_of_many, money),
        _best(results, "most saved a month", lambda line: line.saving.saved, money, most=True),
    )
    return f"<div class=tiles>{''.join(tiles)}</div>\n"


def _best(
    results: Results,
    title: str,
    value: Callable[[Line], float | None],
    write: Callable[[float], str],
    *,
    most: bool = False,
) -> str:
    answered = [line for line in results.lines if line.figures.answered]
    known = [(found, line) for line in answered if (found := value(line)) is not None]
    if not known:
        return ""
    best, line = (max if most else min)(known, key=lambda pair: pair[0])
    return (
        f"<div class=tile>{escape(title)}<b>{escape(write(best))}</b>"
        f"<span class=soft>{escape(line.subject.label)}</span></div>"
    )


def _tables(results: Results) -> str:
    return (
        f"<section class=card><h2>All figures</h2>{_table(performance(), results.lines)}</section>\n"
        f"<section class=card><h2>What a month costs</h2><p class=soft>{escape(roi_title(results))}</p>"
        f"{_table(roi(results), results.lines)}</section>\n"
    )


def _table(columns: Sequence[Column], lines: Sequence[Line]) -> str:
    head = "".join(f"<th>{escape(column.title).replace(chr(10), '<br>')}</th>" for column in columns)
    body = "".join(
        f"<tr>{''.join(f'<td>{escape(column.cell(line))}</td>' for column in columns)}</tr>\n" for line in lines
    )
    return f"<div class=scroll><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"


def _wrong(results: Results) -> str:
    found = "".join(f"<p class=bad>{escape(problem)}</p>" for problem in problems(results))
    return f"<section class=card><h2>What went wrong</h2>{found}</section>\n" if found else ""


def _method() -> str:
    items = "".join(f"<li>{escape(sentence)}</li>" for sentence in METHOD)
    return f"<section class=card><h2>How it was measured</h2><ul>{items}</ul></section>\n"


def _facts(results: Results) -> str:
    plan = results.plan
    told = {
        "taken": results.taken,
        "requests": f"{plan.requests} to each target, {plan.concurrency} at once"
        + (", one more before to warm up" if plan.warm_up else ""),
        "an answer": f"up to {plan.max_tokens:,} tokens, at the longest {plan.timeout:g} s",
        "prompts" if len(plan.prompts) > 1 else "prompt": " · ".join(plan.prompts),
        **results.versions,
    }
    pairs = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in told.items())
    return f"<section class=card><h2>With what</h2><dl>{pairs}</dl></section>\n"
