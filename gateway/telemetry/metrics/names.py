"""All metrics, in one table: their names, labels and units.

Calls of providers have the names of OpenTelemetry's semantic conventions for generative AI, release 0.1.0 with the main
branch as of 2026-11 (https://github.com/open-telemetry/semantic-conventions-genai, docs/gen-ai/client-inference.md and
gen-ai-token-metrics.md). Their status is "development", so they may still change: only this file names them. They are
translated for Prometheus as OpenTelemetry does it (https://opentelemetry.io/docs/specs/otel/compatibility/
prometheus_and_openmetrics/): dots become underscores, units of seconds are written out, `{token}` is left out.
Everything else is ours. Pure.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from gateway.telemetry.metrics.metric import Kind, Metric

COUNTER, GAUGE, HISTOGRAM = Kind.COUNTER, Kind.GAUGE, Kind.HISTOGRAM

SECONDS: Final = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
"""Buckets of durations that the conventions recommend."""

LONG_SECONDS: Final = (*SECONDS, 163.84, 327.68, 655.36, 1310.72, 3600.0)
"""Buckets of generations, which last up to `total_timeout`."""

GAP_SECONDS: Final = (0.001, 0.0025, 0.005, *SECONDS)
"""Buckets of the time between two chunks: those of the conventions, and finer ones below."""

DELAY_SECONDS: Final = (
    *(0.00001, 0.000025, 0.00005, 0.000075, 0.0001, 0.00015, 0.00025, 0.0005),
    *(0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 1.0),
)
"""Buckets of what the gateway itself adds to a chunk."""

STORE_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Buckets of what the store takes."""

TOKENS: Final = tuple(float(4**power) for power in range(14))
"""Buckets of numbers of tokens that the conventions recommend: 1, 4, 16 … 67108864."""

CALL: Final = ("gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model", "model", "provider")
"""Labels of a call: those of the conventions, and the names of the model and the provider in our configuration."""

SOURCE: Final = ("transport", "dialect")
"""Labels of a start: the transport and the dialect of the request that started the generation."""

TARGET: Final = ("model", "provider")

# Calls of providers.

CALL_DURATION: Final = Metric(
    "gen_ai_client_inference_duration_seconds",
    HISTOGRAM,
    "Duration of calls of providers, from the request to the closed connection; error_type is missing unless one "
    "failed.",
    (*CALL, "error_type"),
    "seconds",
    LONG_SECONDS,
    "gen_ai.client.inference.duration",
)
FIRST_CHUNK: Final = Metric(
    "gen_ai_client_inference_time_to_first_chunk_seconds",
    HISTOGRAM,
    "Time from the request to a provider to the first content of its response.",
    CALL,
    "seconds",
    SECONDS,
    "gen_ai.client.inference.time_to_first_chunk",
)
CHUNK_GAP: Final = Metric(
    "gen_ai_client_inference_time_per_output_chunk_seconds",
    HISTOGRAM,
    "Gap between two chunks of an answer; what one read of the socket brings is one chunk.",
    (*CALL, *SOURCE),
    "seconds",
    GAP_SECONDS,
    "gen_ai.client.inference.time_per_output_chunk",
)
INPUT_TOKENS: Final = Metric(
    "gen_ai_client_inference_usage_input_tokens",
    COUNTER,
    "Input tokens that calls used, cached ones included; estimated where the provider does not report them.",
    (*CALL, "gen_ai_token_modality"),
    convention="gen_ai.client.inference.usage.input_tokens",
)
OUTPUT_TOKENS: Final = Metric(
    "gen_ai_client_inference_usage_output_tokens",
    COUNTER,
    "Output tokens that calls used, reasoning included; estimated where the provider does not report them.",
    (*CALL, "gen_ai_token_modality"),
    convention="gen_ai.client.inference.usage.output_tokens",
)
CACHE_READ_TOKENS: Final = Metric(
    "gen_ai_client_inference_usage_cache_read_input_tokens",
    COUNTER,
    "Input tokens that providers read from their cache.",
    (*CALL, "gen_ai_token_modality"),
    convention="gen_ai.client.inference.usage.cache_read.input_tokens",
)
CACHE_WRITE_TOKENS: Final = Metric(
    "gen_ai_client_inference_usage_cache_write_input_tokens",
    COUNTER,
    "Input tokens that providers wrote to their cache.",
    (*CALL, "gen_ai_token_modality"),
    convention="gen_ai.client.inference.usage.cache_write.input_tokens",
)
REASONING_TOKENS: Final = Metric(
    "gen_ai_client_inference_usage_reasoning_output_tokens",
    COUNTER,
    "Output tokens that models used for reasoning.",
    (*CALL, "gen_ai_token_modality"),
    convention="gen_ai.client.inference.usage.reasoning.output_tokens",
)
CALL_INPUT_TOKENS: Final = Metric(
    "gen_ai_client_inference_operation_input_tokens",
    HISTOGRAM,
    "Input tokens of one call; use the counter for sums.",
    CALL,
    buckets=TOKENS,
    convention="gen_ai.client.inference.operation.input_tokens",
)
CALL_OUTPUT_TOKENS: Final = Metric(
    "gen_ai_client_inference_operation_output_tokens",
    HISTOGRAM,
    "Output tokens of one call; use the counter for sums.",
    CALL,
    buckets=TOKENS,
    convention="gen_ai.client.inference.operation.output_tokens",
)
ATTEMPTS: Final = Metric(
    "dualstream_attempts",
    COUNTER,
    "Calls of providers, by how they ended: answered, cancelled, lost (a race of two calls), or the code of a failure.",
    (*TARGET, "outcome"),
)
RETRIES: Final = Metric(
    "dualstream_retries",
    COUNTER,
    "Attempts after which another one followed, by the provider that failed and the code of its failure.",
    (*TARGET, "code"),
)
CONTENT_BYTES: Final = Metric(
    "dualstream_content_bytes",
    COUNTER,
    "Content that providers sent, in bytes of UTF-8: text, reasoning, arguments of tool calls.",
    TARGET,
    "bytes",
)
COST: Final = Metric("dualstream_cost_usd", COUNTER, "Cost of calls, as far as it is known.", TARGET, "usd")
UNPRICED: Final = Metric(
    "dualstream_unpriced_attempts",
    COUNTER,
    "Calls whose cost is not known, because their price or their tokens are not: budgets and sums lack them.",
    TARGET,
)
WASTED_TOKENS: Final = Metric(
    "dualstream_wasted_tokens",
    COUNTER,
    "Output tokens that were paid and are in no answer: cancel (between an interrupt and the closed connection, an "
    "estimate), lost (of the loser of a race of two calls), replaced (of a text that a revision has replaced).",
    (*TARGET, "reason"),
)
CIRCUIT: Final = Metric(
    "dualstream_circuit_state",
    GAUGE,
    "1 for the present state of the circuit breaker of a model's provider, 0 for the others.",
    (*TARGET, "state"),
    merge="max",
)
CALLS_RUNNING: Final = Metric("dualstream_calls_running", GAUGE, "Calls of providers that run now.", TARGET)
CALLS_LIMIT: Final = Metric(
    "dualstream_calls_limit", GAUGE, "Maximum number of calls that run at once; no series without a limit.", TARGET
)
UPSTREAM_CONNECTIONS: Final = Metric(
    "dualstream_upstream_connections",
    GAUGE,
    "Connections to a provider that calls use now (state used), or that are kept for the next ones (state idle).",
    ("provider", "state"),
)
UPSTREAM_CONNECTIONS_LIMIT: Final = Metric(
    "dualstream_upstream_connections_limit",
    GAUGE,
    "Maximum number of connections to a provider; no series without a limit.",
    ("provider",),
)

# Generations.

STARTED: Final = Metric("dualstream_generations_started", COUNTER, "Generations that were started.", (*SOURCE, "model"))
ENDED: Final = Metric(
    "dualstream_generations_ended",
    COUNTER,
    "Generations that have ended: complete, interrupted (code: by what) or error (code: that of the error).",
    (*SOURCE, *TARGET, "end", "code"),
)
DURATION: Final = Metric(
    "dualstream_generation_duration_seconds",
    HISTOGRAM,
    "Time from the start of a generation to its end, its wait in the queue included.",
    (*SOURCE, *TARGET, "end"),
    "seconds",
    LONG_SECONDS,
)
FIRST_TOKEN: Final = Metric(
    "dualstream_time_to_first_token_seconds",
    HISTOGRAM,
    "Time from the start of a generation to its first content, its wait in the queue and failed attempts included.",
    (*SOURCE, *TARGET),
    "seconds",
    SECONDS,
)
QUEUE_WAIT: Final = Metric(
    "dualstream_queue_wait_seconds",
    HISTOGRAM,
    "Time from the start of a generation until it got a slot, or ended without one.",
    ("model",),
    "seconds",
    SECONDS,
)
CHUNK_DELAY: Final = Metric(
    "dualstream_chunk_delay_seconds",
    HISTOGRAM,
    "The gateway's own delay of a chunk: from the read of the provider's socket to the write to the last viewer here. "
    "Without a viewer that gets it at once, a chunk is not counted.",
    (*SOURCE, *TARGET),
    "seconds",
    DELAY_SECONDS,
)
RUNNING: Final = Metric(
    "dualstream_generations_running",
    GAUGE,
    "Generations that have not ended, queued ones included.",
    (*SOURCE, "model"),
)
QUEUED: Final = Metric("dualstream_generations_queued", GAUGE, "Generations that wait for a slot.")
SLOTS_USED: Final = Metric("dualstream_slots_used", GAUGE, "Slots in use (setting max_concurrent).")
SLOTS_LIMIT: Final = Metric("dualstream_slots_limit", GAUGE, "Number of slots; no series without a limit.", merge="max")
QUEUE_LIMIT: Final = Metric(
    "dualstream_queue_limit",
    GAUGE,
    "Maximum number of generations that wait (max_queue); no series without a limit.",
    merge="max",
)
RETAINED: Final = Metric("dualstream_generations_retained", GAUGE, "Finished generations that can still be read.")
RETAINED_BYTES: Final = Metric(
    "dualstream_retained_bytes", GAUGE, "Memory that finished generations count for (max_retained_bytes).", (), "bytes"
)
PROMPT_BYTES: Final = Metric(
    "dualstream_prompt_bytes", GAUGE, "Memory that prompts count for (max_prompt_bytes).", (), "bytes"
)
REFUSED: Final = Metric(
    "dualstream_refused_starts", COUNTER, "Starts that were refused, by the code of the refusal.", (*SOURCE, "code")
)
REFUSED_REQUESTS: Final = Metric(
    "dualstream_refused_requests",
    COUNTER,
    "Requests and handshakes that were refused before they reached their route: no valid credential, a foreign page.",
    ("code",),
)

# Commands.

INTERRUPTS: Final = Metric(
    "dualstream_interrupts",
    COUNTER,
    "Generations that were interrupted, by what: client, feedback, disconnect, limit, shutdown.",
    ("model", "by"),
)
INTERRUPT_DURATION: Final = Metric(
    "dualstream_interrupt_duration_seconds",
    HISTOGRAM,
    "Time from the read of an interrupt to the closed connection of the provider.",
    ("by",),
    "seconds",
    (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0),
)
SAVED_TOKENS: Final = Metric(
    "dualstream_interrupt_saved_tokens",
    COUNTER,
    "Output tokens that interrupts saved: an estimate from the length of complete answers of the same model.",
)
SAVED_COST: Final = Metric("dualstream_interrupt_saved_usd", COUNTER, "What these tokens would have cost.", (), "usd")
UNESTIMATED: Final = Metric(
    "dualstream_interrupts_unestimated", COUNTER, "Interrupts without a longer complete answer to estimate from."
)
FEEDBACK: Final = Metric("dualstream_feedback", COUNTER, "Feedback that was taken, by mode.", ("mode",))
REVISIONS: Final = Metric(
    "dualstream_revisions",
    COUNTER,
    "Texts that were begun again within a generation, because of feedback or a failover.",
    ("model", "reason"),
)

# Viewers.

VIEWERS: Final = Metric("dualstream_viewers", GAUGE, "Clients that read a generation now.", ("transport",))
VIEWS: Final = Metric("dualstream_views", COUNTER, "Clients that have begun to read a generation.", ("transport",))
BEHIND: Final = Metric(
    "dualstream_viewers_behind",
    GAUGE,
    "Viewers whose connection is full now: they do not read as fast as events come.",
    ("transport",),
)
CUT: Final = Metric(
    "dualstream_viewers_cut", COUNTER, "Viewers that were disconnected because they did not read.", ("transport",)
)
SENT_BYTES: Final = Metric(
    "dualstream_sent_bytes", COUNTER, "What was written to viewers, in bytes of frames.", ("transport",), "bytes"
)
RESUMES: Final = Metric(
    "dualstream_resumes",
    COUNTER,
    "Clients that came back by position: resumed, ended (nothing follows), lost (the "
    "generation is no longer known) or refused (another reason).",
    ("transport", "outcome"),
)
STREAMS: Final = Metric("dualstream_streams", GAUGE, "Open streams and WebSockets.")

# The store.

STORE_UP: Final = Metric(
    "dualstream_store_up", GAUGE, "1 if the shared store can be used, 0 if not; no series without one.", merge="min"
)
STORE_OUTAGES: Final = Metric("dualstream_store_outages", COUNTER, "Times that the store could not be used.")
STORE_UNWRITTEN: Final = Metric(
    "dualstream_store_unwritten_seconds",
    GAUGE,
    "Age of the oldest event that is not stored yet: what the death of this gateway would cost.",
    (),
    "seconds",
    merge="max",
)
STORE_WRITE: Final = Metric(
    "dualstream_store_write_duration_seconds",
    HISTOGRAM,
    "Duration of one write of a batch of events to the store.",
    (),
    "seconds",
    STORE_SECONDS,
)
STORE_READ_LAG: Final = Metric(
    "dualstream_store_read_lag_seconds",
    HISTOGRAM,
    "Time from the message that a generation of another gateway has new events until they are read here.",
    (),
    "seconds",
    STORE_SECONDS,
)

# The process.

INFO: Final = Metric("dualstream_info", GAUGE, "1, with the version of the gateway.", ("version",), merge="max")
READY: Final = Metric("dualstream_ready", GAUGE, "1 if the gateway is ready, as GET /ready says.", merge="min")
DRAINING: Final = Metric("dualstream_draining", GAUGE, "1 while the gateway drains.", merge="max")
WORKERS: Final = Metric("dualstream_workers", GAUGE, "Processes that these figures are the sum of.")
SERIES_DROPPED: Final = Metric(
    "dualstream_metrics_other",
    COUNTER,
    "New label values that were counted as other, because a metric has its maximum number of series.",
    ("label",),
)
CPU: Final = Metric("process_cpu_seconds", COUNTER, "User and system CPU time.", (), "seconds")
RESIDENT: Final = Metric("process_resident_memory_bytes", GAUGE, "Resident memory.", (), "bytes")
OPEN_FILES: Final = Metric("process_open_fds", GAUGE, "Open file descriptors.")
MAX_FILES: Final = Metric("process_max_fds", GAUGE, "Maximum number of open file descriptors.")
START_TIME: Final = Metric(
    "process_start_time_seconds", GAUGE, "Start of the process, in seconds since 1970.", (), "seconds", merge="min"
)

GROUPS: Final[Mapping[str, Sequence[Metric]]] = {
    "Calls of providers": (
        *(CALL_DURATION, FIRST_CHUNK, CHUNK_GAP, INPUT_TOKENS, OUTPUT_TOKENS, CACHE_READ_TOKENS, CACHE_WRITE_TOKENS),
        *(REASONING_TOKENS, CALL_INPUT_TOKENS, CALL_OUTPUT_TOKENS, ATTEMPTS, RETRIES, CONTENT_BYTES, COST, UNPRICED),
        *(WASTED_TOKENS, CIRCUIT, CALLS_RUNNING, CALLS_LIMIT, UPSTREAM_CONNECTIONS, UPSTREAM_CONNECTIONS_LIMIT),
    ),
    "Generations": (
        *(STARTED, ENDED, DURATION, FIRST_TOKEN, QUEUE_WAIT, CHUNK_DELAY, RUNNING, QUEUED, SLOTS_USED, SLOTS_LIMIT),
        *(QUEUE_LIMIT, RETAINED, RETAINED_BYTES, PROMPT_BYTES, REFUSED, REFUSED_REQUESTS),
    ),
    "Commands": (*(INTERRUPTS, INTERRUPT_DURATION, SAVED_TOKENS, SAVED_COST, UNESTIMATED, FEEDBACK, REVISIONS),),
    "Viewers": (VIEWERS, VIEWS, BEHIND, CUT, SENT_BYTES, RESUMES, STREAMS),
    "The store": (STORE_UP, STORE_OUTAGES, STORE_UNWRITTEN, STORE_WRITE, STORE_READ_LAG),
    "The process": (
        *(INFO, READY, DRAINING, WORKERS, SERIES_DROPPED, CPU, RESIDENT, OPEN_FILES, MAX_FILES, START_TIME),
    ),
}
"""All metrics by subject, in the order of the documentation."""

METRICS: Final = {metric.name: metric for group in GROUPS.values() for metric in group}
"""All metrics by name, in the order in which they are exposed."""
