"""One event of each type."""

from dataclasses import replace

from gateway.protocol.events import (
    Accepted,
    Chunk,
    Complete,
    Error,
    Event,
    Feedback,
    Gap,
    Interrupted,
    Metrics,
    Part,
    Queued,
    Reasoning,
    Retry,
    Revision,
    SignedReasoning,
    Start,
    ToolCall,
    Usage,
)

USAGE = Usage(3, None, "estimated")
METRICS = Metrics("r_1", 12.5, 80.0, 0.0, 2, 10, 12, None, 1, 1)
EVENTS: list[Event] = [
    Accepted("g_1", "r_1", "simulated"),
    Queued(2, None),
    Start("simulator", "prose", 1, 1),
    Retry(1, 250, "server_error", "simulator"),
    Chunk("Xin chào 👋🏽\n"),
    Reasoning("hm"),
    ToolCall(0, "call_1", "weather", '{"city":'),
    Feedback("f_1", "revise", "shorter", None),
    Revision(2, "f_1", 1.25),
    Gap(3, 9, "the text so far"),
    Complete("stop", USAGE, 0.002, METRICS),
    Interrupted("client", "enough", 0.8, USAGE, None, METRICS),
    Error(
        "stalled",
        "Nothing came.",
        retryable=True,
        retry_after_ms=1,
        partial=True,
        usage=None,
        cost_usd=None,
        metrics=None,
    ),
    SignedReasoning("", "S", "anthropic"),
    Part("image", {"media_type": "image/png", "data": "aGk="}),
]


def error_of(code: str, message: str, retry_after_ms: int | None = None) -> Error:
    """Build a retryable `error` event after some text."""
    end = Error(
        code, message, retryable=True, retry_after_ms=None, partial=True, usage=None, cost_usd=None, metrics=None
    )
    return replace(end, retry_after_ms=retry_after_ms)
