"""Build the events of one run as TanStack AI's clients read them. Pure.

They read AG-UI's events, and besides: the finish reason, figures in their own form, which run an error belongs to, and
a step for each span of reasoning (without one, they join all spans). A call of a tool of theirs interrupts the run, and
its result comes with the next one.
"""

from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from gateway.dialects.ag_ui.writer import EventWriter
from gateway.dialects.base import ProjectedEvent, ResponseIdentity
from gateway.dialects.tanstack.usage import usage_object
from gateway.protocol.commands import JsonObject
from gateway.protocol.events import Usage

_REASON = "tanstack:client_tool_execution"


class TanStackWriter(EventWriter):
    """Builds events; see `EventWriter`."""

    def __init__(self, body: Mapping[str, JsonValue], identity: ResponseIdentity) -> None:
        super().__init__(body, identity)
        self._calls: dict[str, JsonObject] = {}
        """The interrupts that complete calls are, by their ids."""

    def run_completed(
        self, finish_reason: str, usage: Usage, pending_calls: Sequence[str], ours: Mapping[str, JsonValue]
    ) -> ProjectedEvent:
        """See `EventWriter.run_completed`."""
        fields: JsonObject = {**self._run, "finishReason": finish_reason, **self._model(), **self._usage(usage)}
        interrupts: list[JsonValue] = [self._calls[call] for call in pending_calls if call in self._calls]
        fields["outcome"] = {"type": "interrupt", "interrupts": interrupts} if interrupts else {"type": "success"}
        return self.event("RUN_FINISHED", fields, {"finish_reason": finish_reason, **ours})

    def run_failed(self, code: str, message: str, usage: Usage | None, ours: Mapping[str, JsonValue]) -> ProjectedEvent:
        """See `EventWriter.run_failed`. An error without a run would be one of all runs of the client."""
        figures = {} if usage is None else self._usage(usage)
        fields: JsonObject = {**self._run, "message": message, "code": code, **figures}
        return self.event("RUN_ERROR", fields, ours)

    def _usage(self, usage: Usage) -> JsonObject:
        return {"usage": usage_object(usage)}

    def _model(self) -> JsonObject:
        return {"model": self.upstream_model or self._identity.model}

    def reasoning_start(self, message_id: str) -> Sequence[ProjectedEvent]:
        """See `EventWriter.reasoning_start`."""
        return (self.event("STEP_STARTED", {"stepName": message_id}), *super().reasoning_start(message_id))

    def reasoning_end(self, message_id: str) -> Sequence[ProjectedEvent]:
        """See `EventWriter.reasoning_end`."""
        return (*super().reasoning_end(message_id), self.event("STEP_FINISHED", {"stepName": message_id}))

    def revised(self, _span_id: str) -> ProjectedEvent:
        """See `EventWriter.revised`. To these clients a snapshot is all that there is."""
        return self.messages_snapshot(self.conversation)

    def call_start(self, call_id: str, name: str, message_id: str) -> ProjectedEvent:
        """See `EventWriter.call_start`."""
        fields: JsonObject = {"toolCallId": call_id, "toolCallName": name, "toolName": name}
        return self.event("TOOL_CALL_START", {**fields, "parentMessageId": message_id})

    def call_end(self, call_id: str, name: str, arguments: JsonObject | None) -> ProjectedEvent:
        """See `EventWriter.call_end`."""
        fields: JsonObject = {"toolCallId": call_id, "toolCallName": name, "toolName": name}
        if arguments is None:
            return self.event("TOOL_CALL_END", fields)
        self._calls[call_id] = {
            "id": f"client_tool_{call_id}",
            "reason": _REASON,
            "message": f"Run the tool {name}.",
            "toolCallId": call_id,
            "responseSchema": {},
            "metadata": {"kind": "client_tool", "toolName": name, "input": arguments},
        }
        return self.event("TOOL_CALL_END", {**fields, "input": arguments})
