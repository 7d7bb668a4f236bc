"""Results as JSON and CSV: the same names in both, plain numbers; unknown figures are null or empty. Pure."""

import csv
import io

import orjson

from gateway.billing.prices import Price
from gateway.cli.bench.providers.figures import REQUESTS, Spread, Tokens, p50, p95
from gateway.cli.bench.providers.results import Line, Results
from gateway.cli.bench.providers.sample import Sample
from gateway.protocol.events import Usage

Record = dict[str, str | int | float | bool | None]
MS = 1000


def record(line: Line) -> Record:
    """Return the figures of a target by name. Times in milliseconds, money in US dollars."""
    subject, figures, saving = line.subject, line.figures, line.saving
    return {
        "target": subject.label,
        "provider": subject.provider,
        "model": subject.model,
        "upstream_model": subject.upstream_model,
        "requests": figures.requests,
        "answered": figures.answered,
        "error_rate": figures.error_rate,
        **_spread("ttft", figures.ttft),
        **_spread("duration", figures.duration),
        "chars_per_s": figures.chars_per_s,
        "tokens_per_s": figures.tokens_per_s,
        "gap_p95_ms": _ms(figures.gap_p95),
        **_tokens(figures.tokens),
        **_price(subject.price),
        "price_blended_per_million_usd": saving.blended,
        "cost_per_request_usd": figures.cost,
        f"cost_per_{REQUESTS}_usd": figures.cost_of_many,
        "monthly_usd": saving.monthly,
        "monthly_saved_usd": saving.saved,
        "monthly_saved_percent": saving.percent,
    }


def to_json(results: Results) -> str:
    """Return all results as JSON, every request included."""
    plan, savings = results.plan, results.savings
    document: dict[str, object] = {
        "taken": results.taken,
        "interrupted": results.interrupted,
        "requests": plan.requests,
        "concurrency": plan.concurrency,
        "max_tokens": plan.max_tokens,
        "timeout_s": plan.timeout,
        "warm_up": plan.warm_up,
        "prompts": list(plan.prompts),
        "versions": dict(results.versions),
        "daily_tokens": savings.daily_tokens,
        "input_share": savings.input_share,
        "baseline": savings.baseline,
        "targets": [
            {
                **record(line),
                "errors": dict(line.figures.errors),
                "error_messages": dict(line.figures.messages),
                "samples": [_sample(sample) for sample in line.samples],
            }
            for line in results.lines
        ],
    }
    return orjson.dumps(document, option=orjson.OPT_INDENT_2).decode() + "\n"


def to_csv(results: Results) -> str:
    """Return one CSV line per target; `errors` is a list of `code:count`, separated by spaces."""
    text = io.StringIO()
    rows = [{**record(line), "errors": _errors(line)} for line in results.lines]
    writer = csv.DictWriter(text, list(rows[0]) if rows else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _spread(name: str, spread: Spread | None) -> Record:
    return {f"{name}_p50_ms": _ms(p50(spread)), f"{name}_p95_ms": _ms(p95(spread))}


def _tokens(tokens: Tokens | None) -> Record:
    known = (None,) * 4 if tokens is None else (tokens.input, tokens.cached, tokens.output, tokens.exact)
    names = ("input_tokens_mean", "cached_input_tokens_mean", "output_tokens_mean", "tokens_exact")
    return dict(zip(names, known, strict=True))


def _price(price: Price | None) -> Record:
    known = (None,) * 3 if price is None else (price.input, price.cached, price.output)
    names = ("input", "cached", "output")
    return {f"price_{name}_per_million_usd": value for name, value in zip(names, known, strict=True)}


def _sample(sample: Sample) -> Record:
    usage = sample.usage or Usage(None, None, "estimated")
    return {
        "ttft_ms": _ms(sample.ttft),
        "duration_ms": _ms(sample.duration),
        "chars": sample.chars,
        "chars_per_s": sample.chars_per_s,
        "tokens_per_s": sample.tokens_per_s,
        "input_tokens": usage.input_tokens,
        "cached_input_tokens": usage.cached_input_tokens,
        "output_tokens": usage.output_tokens,
        "tokens_exact": None if sample.usage is None else usage.source == "exact",
        "failure": sample.failure,
    }


def _errors(line: Line) -> str:
    return " ".join(f"{code}:{count}" for code, count in sorted(line.figures.errors.items()))


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * MS, 3)
