"""The Grafana dashboard that is included: `python -m tests.deploy.dashboard` writes it to deploy/grafana/dashboards/.

Its metrics are those of `gateway/telemetry/metrics/names.py`.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.deploy.panels import SOURCE, Json, Panel, Query, Section, render

FILE: Final = Path(__file__).parents[2] / "deploy" / "grafana" / "dashboards" / "dualstream.json"

RATE: Final = "$__rate_interval"
MODEL: Final = 'model=~"$model"'
ENDS: Final = {"complete": "green", "interrupted": "blue", "error": "red"}


def rate(name: str, by: str, selector: str = MODEL) -> str:
    """Return the rate of a counter, summed by some of its labels."""
    grouping = f" by ({by})" if by else ""
    return f"sum{grouping} (rate({name}{{{selector}}}[{RATE}]))"


def quantile(name: str, value: float, by: str = "", selector: str = MODEL) -> str:
    """Return a quantile of a histogram, of all gateways together, or by a label."""
    labels = f"{by}, le" if by else "le"
    return f"histogram_quantile({value}, sum by ({labels}) (rate({name}_bucket{{{selector}}}[{RATE}])))"


def quantiles(name: str, *values: float, by: str = "", selector: str = MODEL) -> Sequence[Query]:
    """Return queries of quantiles, each with its name as the legend."""
    legend = f"{{{{{by}}}}} " if by else ""
    return [Query(quantile(name, value, by, selector), f"{legend}p{value * 100:g}") for value in values]


OVERVIEW: Final = Section(
    "Now",
    [
        Panel("Gateways", [Query('sum(up{job="dualstream"})')], kind="stat"),
        Panel("Running", [Query("sum(dualstream_generations_running) or vector(0)")], kind="stat"),
        Panel(
            "Waiting for a slot",
            [Query("sum(dualstream_generations_queued) or vector(0)")],
            kind="stat",
            thresholds=[(1, "yellow"), (100, "red")],
        ),
        Panel("Viewers", [Query("sum(dualstream_viewers) or vector(0)")], kind="stat"),
        Panel(
            "Errors",
            [
                Query(
                    'sum(rate(dualstream_generations_ended_total{end="error"}[5m]))'
                    " / sum(rate(dualstream_generations_ended_total[5m])) or vector(0)"
                )
            ],
            "percentunit",
            "stat",
            "Share of all ends of the last five minutes.",
            thresholds=[(0.01, "yellow"), (0.05, "red")],
        ),
        Panel(
            "First token, p95",
            [Query("histogram_quantile(0.95, sum by (le) (rate(dualstream_time_to_first_token_seconds_bucket[5m])))")],
            "s",
            "stat",
        ),
        Panel(
            "Added delay, p99",
            [Query("histogram_quantile(0.99, sum by (le) (rate(dualstream_chunk_delay_seconds_bucket[5m])))")],
            "s",
            "stat",
            "From the read of the provider's socket to the write to the last viewer.",
            thresholds=[(0.005, "yellow"), (0.025, "red")],
        ),
        Panel(
            "Cost per hour", [Query("sum(increase(dualstream_cost_usd_total[1h])) or vector(0)")], "currencyUSD", "stat"
        ),
    ],
    columns=8,
    height=4,
)

ANSWERS: Final = Section(
    "Answers",
    [
        Panel(
            "Ends per second",
            [Query(rate("dualstream_generations_ended_total", "end"), "{{end}}")],
            "ops",
            stacked=True,
            colours=ENDS,
        ),
        Panel(
            "Errors by code",
            [Query(rate("dualstream_generations_ended_total", "code", f'end="error", {MODEL}'), "{{code}}")],
            "ops",
            stacked=True,
        ),
        Panel(
            "Refused starts by code",
            [Query(rate("dualstream_refused_starts_total", "code", ""), "{{code}}")],
            "ops",
            stacked=True,
        ),
        Panel(
            "Time to the first token",
            quantiles("dualstream_time_to_first_token_seconds", 0.5, 0.95, 0.99),
            "s",
            description="As a client sees it: the wait for a slot and failed attempts included.",
        ),
        Panel(
            "Gap between chunks",
            quantiles("gen_ai_client_inference_time_per_output_chunk_seconds", 0.5, 0.95, 0.99),
            "s",
        ),
        Panel("Duration", quantiles("dualstream_generation_duration_seconds", 0.5, 0.95), "s"),
        Panel(
            "Running by model",
            [Query(f"sum by (model) (dualstream_generations_running{{{MODEL}}})", "{{model}}")],
            stacked=True,
        ),
        Panel(
            "Slots and queue",
            [
                Query("sum(dualstream_slots_used)", "slots used"),
                Query("max(dualstream_slots_limit)", "slots"),
                Query("sum(dualstream_generations_queued)", "waiting"),
            ],
        ),
        Panel("Wait for a slot", quantiles("dualstream_queue_wait_seconds", 0.5, 0.95), "s"),
    ],
)

PROVIDERS: Final = Section(
    "Providers",
    [
        Panel(
            "Time to the first chunk, p95",
            quantiles("gen_ai_client_inference_time_to_first_chunk_seconds", 0.95, by="provider"),
            "s",
            description="Of one call, from its request.",
        ),
        Panel(
            "Calls by outcome",
            [Query(rate("dualstream_attempts_total", "provider, outcome"), "{{provider}} {{outcome}}")],
            "ops",
            stacked=True,
        ),
        Panel(
            "Retries by code",
            [Query(rate("dualstream_retries_total", "provider, code"), "{{provider}} {{code}}")],
            "ops",
            stacked=True,
        ),
        Panel(
            "Circuit breakers",
            [
                Query(
                    f'max by (model, provider) (dualstream_circuit_state{{state="open", {MODEL}}})',
                    "{{model}} {{provider}}",
                )
            ],
            kind="state-timeline",
        ),
        Panel(
            "Calls running",
            [
                Query(f"sum by (provider) (dualstream_calls_running{{{MODEL}}})", "{{provider}}"),
                Query(f"sum by (provider) (dualstream_calls_limit{{{MODEL}}})", "{{provider}} limit"),
            ],
        ),
        Panel(
            "Connections",
            [Query("sum by (provider, state) (dualstream_upstream_connections)", "{{provider}} {{state}}")],
        ),
    ],
)

COST: Final = Section(
    "Tokens and cost",
    [
        Panel(
            "Output tokens per second",
            [Query(rate("gen_ai_client_inference_usage_output_tokens_total", "model"), "{{model}}")],
            stacked=True,
        ),
        Panel(
            "Input tokens per second",
            [
                Query(rate("gen_ai_client_inference_usage_input_tokens_total", ""), "all"),
                Query(rate("gen_ai_client_inference_usage_cache_read_input_tokens_total", ""), "from a cache"),
            ],
        ),
        Panel(
            "Cost per hour",
            [Query(f"3600 * {rate('dualstream_cost_usd_total', 'model')}", "{{model}}")],
            "currencyUSD",
            stacked=True,
        ),
        Panel(
            "Saved by interrupts, per hour",
            [Query("3600 * sum(rate(dualstream_interrupt_saved_usd_total[$__rate_interval]))", "saved")],
            "currencyUSD",
            description="Estimated from the length of complete answers of the same model.",
        ),
        Panel(
            "Wasted tokens per second",
            [Query(rate("dualstream_wasted_tokens_total", "reason"), "{{reason}}")],
            description="Output tokens that were paid and not used.",
            stacked=True,
        ),
        Panel(
            "Calls of unknown cost",
            [Query(rate("dualstream_unpriced_attempts_total", "model, provider"), "{{model}} {{provider}}")],
            "ops",
            description="Their price or their tokens are not known: sums and budgets lack them.",
        ),
    ],
)

VIEWERS: Final = Section(
    "Viewers and commands",
    [
        Panel("Viewers", [Query("sum by (transport) (dualstream_viewers)", "{{transport}}")], stacked=True),
        Panel(
            "Resumes by outcome",
            [Query(rate("dualstream_resumes_total", "transport, outcome", ""), "{{transport}} {{outcome}}")],
            "ops",
            stacked=True,
        ),
        Panel(
            "Viewers behind",
            [
                Query("sum by (transport) (dualstream_viewers_behind)", "{{transport}} behind"),
                Query("sum by (transport) (increase(dualstream_viewers_cut_total[5m]))", "{{transport}} cut in 5 min"),
            ],
            description="Clients that do not read as fast as events come.",
        ),
        Panel(
            "Interrupts",
            [Query(rate("dualstream_interrupts_total", "by"), "{{by}}")],
            "ops",
            stacked=True,
        ),
        Panel(
            "Time to stop the provider",
            quantiles("dualstream_interrupt_duration_seconds", 0.5, 0.99, selector=""),
            "s",
            description="From the read of an interrupt to the closed connection.",
        ),
        Panel(
            "Sent", [Query(rate("dualstream_sent_bytes_total", "transport", ""), "{{transport}}")], "Bps", stacked=True
        ),
    ],
)

GATEWAYS: Final = Section(
    "Gateways and store",
    [
        Panel(
            "Added delay, p99",
            quantiles("dualstream_chunk_delay_seconds", 0.99, by="instance", selector=""),
            "s",
            description="From the read of the provider's socket to the write to the last viewer.",
        ),
        Panel(
            "CPU cores",
            [
                Query(
                    'sum by (instance) (rate(process_cpu_seconds_total{job="dualstream"}[$__rate_interval]))',
                    "{{instance}}",
                )
            ],
            description="A process uses one at most.",
        ),
        Panel("Memory", [Query('process_resident_memory_bytes{job="dualstream"}', "{{instance}}")], "bytes"),
        Panel(
            "Open files",
            [Query('process_open_fds{job="dualstream"} / process_max_fds{job="dualstream"}', "{{instance}}")],
            "percentunit",
        ),
        Panel(
            "Store",
            [
                Query("min(dualstream_store_up)", "up"),
                Query("max(dualstream_store_unwritten_seconds)", "unwritten, seconds"),
            ],
            description="Unwritten: age of the oldest event that is not stored yet, lost if the gateway dies.",
        ),
        Panel(
            "Store writes and reads",
            [
                Query(quantile("dualstream_store_write_duration_seconds", 0.99, selector=""), "write p99"),
                Query(quantile("dualstream_store_read_lag_seconds", 0.99, selector=""), "read lag p99"),
            ],
            "s",
        ),
    ],
)

SECTIONS: Final = (OVERVIEW, ANSWERS, PROVIDERS, COST, VIEWERS, GATEWAYS)


def dashboard() -> Json:
    """Return the dashboard as Grafana reads it."""
    source: Json = {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus"}
    model: Json = {
        "name": "model",
        "label": "Model",
        "type": "query",
        "datasource": SOURCE,
        "query": {"query": "label_values(dualstream_generations_started_total, model)", "refId": "model"},
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
    }
    return {
        "uid": "dualstream",
        "title": "Dualstream",
        "tags": ["dualstream"],
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"},
        "timezone": "browser",
        "templating": {"list": [source, model]},
        "annotations": {"list": []},
        "panels": render(SECTIONS),
    }


def text() -> str:
    """Return the file."""
    return json.dumps(dashboard(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), "utf-8")
