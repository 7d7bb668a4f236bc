"""UI message streams: made of events of a log, and read as `processUIMessageStream` of the SDK reads them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from gateway.dialects.ai_sdk.projection import AiSdkProjection
from gateway.dialects.base import ProjectedEvent, ResponseIdentity
from gateway.generation.event_log import EventLog
from gateway.protocol.events import Accepted, Complete, Error, Interrupted, Metrics, Start, Usage

Json = dict[str, Any]

IDENTITY = ResponseIdentity("g_1", "m", 1_700_000_000)
USAGE = Usage(21, 9, "exact", cached_input_tokens=8, reasoning_tokens=2)
METRICS = Metrics("r", 1.0, 2.0, 0.0, 1, 1, 1, None, 1, 1)
START = Start("p", "m", 1, 1)
COMPLETE = Complete("stop", USAGE, 0.25, METRICS)
INTERRUPTED = Interrupted("client", "enough", 1.0, USAGE, None, METRICS)


def failed(code: str, *, partial: bool = True) -> Error:
    """Return an end by a failure."""
    return Error(code, "It failed.", True, 500, partial, USAGE, None, METRICS)


def log_of(events: Iterable[object]) -> EventLog:
    """Return a log with events, after the one that every log begins with."""
    log = EventLog("g_1")
    for event in (Accepted("g_1", "r", "m"), *events):
        log.extend([event])  # type: ignore[list-item]
    return log


def project(log: EventLog, projection: AiSdkProjection | None = None) -> list[ProjectedEvent]:
    """Return the chunks of a log."""
    projection = projection or AiSdkProjection(IDENTITY, "msg_1")
    return [event for entry in log.since(0) for event in projection.project(entry)]


def chunks_of(events: Sequence[ProjectedEvent]) -> list[Json]:
    """Return chunks as objects, without the end of the response."""
    return [orjson.loads(event.data) for event in events if event.data != b"[DONE]"]


def chunks(*events: object) -> list[Json]:
    """Return the chunks of events, without signals."""
    return [each for each in chunks_of(project(log_of(events))) if not each["type"].startswith("data-")]


def kinds(found: Iterable[Json]) -> list[str]:
    """Return the types of chunks."""
    return [each["type"] for each in found]


@dataclass
class Message:
    """The message of the assistant as a page has it."""

    id: str = ""
    parts: list[Json] = field(default_factory=list)
    metadata: Json = field(default_factory=dict)
    signals: list[Json] = field(default_factory=list)
    finish_reason: str | None = None
    abort_reason: str | None = None
    error: str | None = None
    _open: dict[tuple[str, str], Json] = field(default_factory=dict)
    _calls: dict[str, Json] = field(default_factory=dict)

    @property
    def text(self) -> str:
        return "".join(part["text"] for part in self.parts if part["type"] == "text")

    @property
    def reasoning(self) -> str:
        return "".join(part["text"] for part in self.parts if part["type"] == "reasoning")

    def read(self, chunk: Json) -> None:
        """Read a chunk; what the SDK would not accept fails."""
        kind = chunk["type"]
        family, _, phase = kind.rpartition("-")
        if family in {"text", "reasoning"}:
            self._read_text(family, phase, chunk)
        elif kind.startswith("tool-input-"):
            self._read_call(phase, chunk)
        elif kind.startswith("data-dualstream-"):
            assert chunk["transient"] is True
            self.signals.append(chunk)
        else:
            self._read_other(kind, chunk)
        assert self.finish_reason is None or kind == "finish", "nothing follows a finish"

    def _read_text(self, family: str, phase: str, chunk: Json) -> None:
        key = (family, chunk["id"])
        if phase == "start":
            assert key not in self._open
            self._open[key] = {"type": family, "text": "", "metadata": chunk.get("providerMetadata")}
            self.parts.append(self._open[key])
            return
        part = self._open[key]
        part["metadata"] = chunk.get("providerMetadata", part["metadata"])
        if phase == "delta":
            part["text"] += chunk["delta"]
        else:
            assert phase == "end"
            del self._open[key]

    def _read_call(self, phase: str, chunk: Json) -> None:
        call_id = chunk["toolCallId"]
        if phase == "start":
            assert call_id not in self._calls
            part = {"type": "tool", "id": call_id, "name": chunk["toolName"], "state": "input-streaming", "raw": ""}
            self._calls[call_id] = part
            self.parts.append(part)
        elif phase == "delta":
            self._calls[call_id]["raw"] += chunk["inputTextDelta"]
        elif phase == "available":
            self._calls[call_id] |= {"state": "input-available", "input": chunk["input"]}
        else:
            self._calls[call_id] |= {"state": "output-error", "error": chunk["errorText"]}

    def _read_other(self, kind: str, chunk: Json) -> None:
        match kind:
            case "start":
                assert not self.id
                self.id = chunk["messageId"]
                self.metadata |= chunk["messageMetadata"]
            case "start-step":
                self.parts.append({"type": "step-start"})
            case "finish-step":
                assert not self._open
            case "reset-step":
                del self.parts[[part["type"] for part in self.parts].index("step-start") + 1 :]
                self._open.clear()
                self._calls.clear()
            case "file" | "source-url" | "source-document":
                self.parts.append(chunk)
            case "message-metadata":
                self.metadata |= chunk["messageMetadata"]
            case "error":
                self.error = chunk["errorText"]
            case "abort":
                self.abort_reason = chunk["reason"]
            case "finish":
                assert self.finish_reason is None
                assert not self._open
                self.finish_reason = chunk["finishReason"]
                self.metadata |= chunk.get("messageMetadata", {})
            case _:
                raise AssertionError(kind)


def message_of(found: Iterable[Json]) -> Message:
    """Return the message that chunks make."""
    message = Message()
    for chunk in found:
        message.read(chunk)
    return message


def message(*events: object) -> Message:
    """Return the message that events make."""
    return message_of(chunks_of(project(log_of(events))))
