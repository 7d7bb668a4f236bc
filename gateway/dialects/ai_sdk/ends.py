"""How a generation ends in a UI message stream. Pure; docs/reference/chat-uis.md has the table.

A lost provider is an error here, and no lost connection as for the SDKs of providers: no client sends the request again
by itself, and one that resumes would find the same log. After every end stands a `finish`: `WorkflowChatTransport` asks
for the rest of a stream without one, again and again.
"""

from collections.abc import Mapping
from typing import Final

from gateway.dialects.ai_sdk.metadata import end_metadata
from gateway.dialects.ai_sdk.writer import chunk, signal
from gateway.dialects.base import ProjectedEvent
from gateway.protocol.commands import JsonObject
from gateway.protocol.errors import Code
from gateway.protocol.events import Complete, Error, Interrupted, Terminal

FINISH_REASONS: Final[Mapping[str | None, str]] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool-calls",
    "content_filter": "content-filter",
}
"""Finish reasons of the SDK by ours; any other is `other`. `interrupted` of version 7 is not valid in version 6."""

_FINISHED: Final[Mapping[str, str]] = {Code.OUTPUT_LIMIT: "length", Code.CONTENT_FILTER: "content-filter"}
"""Finish reasons of failures after which a person keeps what there is."""


def end_events(end: Terminal, *, has_begun: bool) -> list[ProjectedEvent]:
    """Return the chunks of an end; `has_begun`: there is a message, which gets the metadata."""
    metadata = end_metadata(end) if has_begun else None
    step = [chunk("finish-step")] if has_begun else []
    match end:
        case Complete():
            reason = FINISH_REASONS.get(end.finish_reason, "other")
            return [*step, chunk("finish", finishReason=reason, messageMetadata=metadata)]
        case Interrupted():
            why = end.reason or _REASONS[end.by]
            return [*step, chunk("abort", reason=why), chunk("finish", finishReason="other", messageMetadata=metadata)]
        case Error():
            failed = signal("error", _error(end))
            if has_begun and (finished := _FINISHED.get(end.code)) is not None:
                return [failed, *step, chunk("finish", finishReason=finished, messageMetadata=metadata)]
            # The SDK reads nothing behind an error.
            before = [chunk("message-metadata", messageMetadata=metadata)] if metadata else []
            return [failed, *before, chunk("error", errorText=end.message), chunk("finish", finishReason="error")]


def _error(end: Error) -> JsonObject:
    named: JsonObject = {"code": end.code, "message": end.message, "retryable": end.retryable}
    return {**named, "retryAfterMs": end.retry_after_ms, "partial": end.partial}


_REASONS: Final[Mapping[str, str]] = {
    "client": "stopped by the user",
    "feedback": "stopped by feedback",
    "disconnect": "every reader has left",
    "limit": "a limit was reached",
    "shutdown": "the gateway is shutting down",
}
