"""docs/reference/metrics.md: the table of all metrics, made from the code."""

from collections.abc import Iterator
from typing import Final

from gateway.telemetry.metrics.label_values import MAX_VALUES
from gateway.telemetry.metrics.metric import Kind, Metric
from gateway.telemetry.metrics.names import CALL, GROUPS
from gateway.telemetry.metrics.registry import MAX_SERIES

INTRODUCTION: Final = f"""\
# Metrics

What `GET /metrics` shows. [metrics.md](../operations/metrics.md) says how Prometheus gets it, what to alert on and what
to ask. `make reference` writes this page.

Calls of providers have the names of [OpenTelemetry's conventions for generative
AI](https://github.com/open-telemetry/semantic-conventions-genai/blob/main/docs/gen-ai/client-inference.md), translated
for Prometheus: `gen_ai.client.inference.duration`, in seconds, is `gen_ai_client_inference_duration_seconds`. The
status of these conventions is "development": they may still change, and the gateway follows them in minor versions.
Names that begin with `dualstream_` stay.

## Labels

| label | value |
|---|---|
| `model` | the model that was requested, as the gateway serves it |
| `provider` | the provider, by its name in the configuration |
| `gen_ai_request_model` | the model that the provider was asked for |
| `gen_ai_provider_name` | the provider, by OpenTelemetry's name for it (`openai`, `gcp.gemini` …), or by ours |
| `gen_ai_operation_name`, `gen_ai_token_modality` | always `chat` and `unknown`: the conventions require them |
| `transport` | by what the generation was started, or by what a viewer reads it: `sse`, `websocket`, `poll` … |
| `dialect` | in what the start was written: `native`, `openai_chat`, `ai_sdk` … |
| `end` | `complete`, `interrupted` or `error` |
| `code` | the [code](codes.md) of a failure or refusal; of an interrupt, its cause |

A label that has no value is missing: the targets of a gateway that serves any model, say, have no `model`. No label
names a client, a key or a generation. What clients choose, such as the name of such a model, makes no series without
end: beyond {MAX_VALUES} values that are not configured, a value counts as `other`, and so does what exceeds
{MAX_SERIES:,} series of one metric; `dualstream_metrics_other_total` counts that.

A histogram has the samples `…_bucket`, `…_sum` and `…_count`. In the tables, *calls* stands for the labels
`{"`, `".join(CALL)}`.
"""


def page() -> str:
    """Return the page."""
    return "\n".join([INTRODUCTION, *_groups()])


def _groups() -> Iterator[str]:
    for name, metrics in GROUPS.items():
        yield f"## {name}\n\n| metric | type | labels | meaning |\n|---|---|---|---|"
        yield from map(_row, metrics)
        yield ""


def _row(metric: Metric) -> str:
    labels = [f"`{label}`" for label in metric.labels if metric.labels[: len(CALL)] != CALL or label not in CALL]
    if metric.labels[: len(CALL)] == CALL:
        labels.insert(0, "*calls*")
    convention = f" (`{metric.convention}`)" if metric.convention else ""
    buckets = f" Buckets: {_range(metric)}." if metric.kind is Kind.HISTOGRAM else ""
    return f"| `{metric.sample}`{convention} | {metric.kind} | {', '.join(labels)} | {metric.help}{buckets} |"


def _range(metric: Metric) -> str:
    first, last, count = metric.buckets[0], metric.buckets[-1], len(metric.buckets)
    return f"{count}, from {_number(first)} to {_number(last)}"


def _number(bound: float) -> str:
    return f"{bound:.5f}".rstrip("0").rstrip(".") if bound < 1 else f"{bound:g}" if bound < 1e6 else f"{bound:,.0f}"
