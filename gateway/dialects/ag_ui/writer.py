"""Build the events of one run (docs.ag-ui.com/spec/1.0, "Events"). Pure.

What only we say stands in `metadata.dualstream`, and in events of type `CUSTOM` whose name begins with `dualstream.`.
"""

from collections.abc import Mapping, Sequence
from typing import Final, Literal

import orjson
from pydantic import JsonValue

from gateway.dialects.ag_ui.usage import usage_entry
from gateway.dialects.base import ProjectedEvent, ResponseIdentity
from gateway.protocol.commands import JsonObject
from gateway.protocol.events import Usage

PROTOCOL_VERSION: Final = "1.0"
CUSTOM_PREFIX: Final = "dualstream."


class EventWriter:
    """Builds the events of the run that a body asks for. TanStack AI adds fields to some; see `TanStackWriter`."""

    def __init__(self, body: Mapping[str, JsonValue], identity: ResponseIdentity) -> None:
        self._identity = identity
        messages = body.get("messages")
        self.conversation: Sequence[JsonValue] = messages if isinstance(messages, list) else []
        """The messages that the run was started with."""
        self._run: JsonObject = {"threadId": body.get("threadId"), "runId": body.get("runId")}
        self._parent: JsonObject = {"parentRunId": body["parentRunId"]} if body.get("parentRunId") else {}
        self.provider = self.upstream_model = ""
        """Of the attempt that brings the answer."""

    @property
    def generation_id(self) -> str:
        """Return the id of the generation, of which those of messages are made."""
        return self._identity.generation_id

    # The run.

    def run_started(self) -> ProjectedEvent:
        """Return the first event, which tells applications by which id the native API knows the run."""
        ours: JsonObject = {"generation_id": self._identity.generation_id, "model": self._identity.model}
        fields: JsonObject = {**self._run, **self._parent, "protocolVersion": PROTOCOL_VERSION}
        return self.event("RUN_STARTED", fields, ours)

    def run_completed(
        self, finish_reason: str, usage: Usage, pending_calls: Sequence[str], ours: Mapping[str, JsonValue]
    ) -> ProjectedEvent:
        """Return the end of a complete run; `pending_calls` are the calls that the client has to answer."""
        outcome: JsonObject = {"type": "success"}
        if pending_calls:
            outcome["pendingToolCallIds"] = [*pending_calls]
        fields: JsonObject = {**self._run, "outcome": outcome, **self._usage(usage)}
        return self.event("RUN_FINISHED", fields, {"finish_reason": finish_reason, **ours})

    def run_cancelled(self, usage: Usage, ours: Mapping[str, JsonValue]) -> ProjectedEvent:
        """Return the end of a run that was stopped."""
        fields: JsonObject = {**self._run, "outcome": {"type": "cancelled"}, **self._usage(usage)}
        return self.event("RUN_FINISHED", fields, ours)

    def run_failed(self, code: str, message: str, usage: Usage | None, ours: Mapping[str, JsonValue]) -> ProjectedEvent:
        """Return the end of a run that failed."""
        fields: JsonObject = {"message": message, "code": code, **({} if usage is None else self._usage(usage))}
        return self.event("RUN_ERROR", fields, ours)

    def _usage(self, usage: Usage) -> JsonObject:
        return {"usage": [usage_entry(usage, self.provider, self.upstream_model)]}

    # Messages.

    def text_start(self, message_id: str) -> ProjectedEvent:
        """Return the beginning of a text."""
        return self.event("TEXT_MESSAGE_START", {"messageId": message_id, "role": "assistant"})

    def text_end(self, message_id: str) -> ProjectedEvent:
        """Return the end of a text."""
        return self.event("TEXT_MESSAGE_END", {"messageId": message_id})

    def reasoning_start(self, message_id: str) -> Sequence[ProjectedEvent]:
        """Return the beginning of a span of reasoning, and of the one message in it."""
        message: JsonObject = {"messageId": message_id, "role": "reasoning"}
        return (
            self.event("REASONING_START", {"messageId": message_id}),
            self.event("REASONING_MESSAGE_START", message),
        )

    def reasoning_end(self, message_id: str) -> Sequence[ProjectedEvent]:
        """Return the end of a span of reasoning."""
        return (
            self.event("REASONING_MESSAGE_END", {"messageId": message_id}),
            self.event("REASONING_END", {"messageId": message_id}),
        )

    def call_start(self, call_id: str, name: str, message_id: str) -> ProjectedEvent:
        """Return the beginning of a call, which belongs to a message of the assistant."""
        fields: JsonObject = {"toolCallId": call_id, "toolCallName": name, "parentMessageId": message_id}
        return self.event("TOOL_CALL_START", fields)

    def call_end(self, call_id: str, _name: str, _arguments: JsonObject | None) -> ProjectedEvent:
        """Return the end of a call; its arguments are None if they are not complete."""
        return self.event("TOOL_CALL_END", {"toolCallId": call_id})

    def encrypted_value(self, subtype: Literal["message", "tool-call"], entity_id: str, value: str) -> ProjectedEvent:
        """Return what clients give back with a message or a call as it came."""
        fields: JsonObject = {"subtype": subtype, "entityId": entity_id, "encryptedValue": value}
        return self.event("REASONING_ENCRYPTED_VALUE", fields)

    def text_head(self, kind: str, id_field: str, entity_id: str) -> bytes:
        """Return the JSON of a delta up to its text, which is a JSON string; one brace follows it."""
        head = orjson.dumps({"type": kind, id_field: entity_id, "delta": ""})
        return head.removesuffix(b'""}')

    # Further events.

    def messages_snapshot(self, messages: Sequence[JsonValue]) -> ProjectedEvent:
        """Return the whole conversation, by which clients replace theirs."""
        return self.event("MESSAGES_SNAPSHOT", {"messages": [*messages]})

    def revised(self, span_id: str) -> ProjectedEvent:
        """Return the snapshot that removes a text, whose first span of reasoning has an id, "" if there is none.

        A client keeps reasoning unless the snapshot has some (`MESSAGES_SNAPSHOT` in @ag-ui/client): an empty span
        stays, which the next one continues.
        """
        roles = [message.get("role") for message in self.conversation if isinstance(message, dict)]
        if not span_id or "reasoning" in roles:
            return self.messages_snapshot(self.conversation)
        return self.messages_snapshot([*self.conversation, {"id": span_id, "role": "reasoning", "content": ""}])

    def custom(self, name: str, value: Mapping[str, JsonValue]) -> ProjectedEvent:
        """Return an event that this protocol has no word for."""
        return self.event("CUSTOM", {"name": CUSTOM_PREFIX + name, "value": {**value}})

    def event(
        self, kind: str, fields: Mapping[str, JsonValue], ours: Mapping[str, JsonValue] | None = None
    ) -> ProjectedEvent:
        """Return an event; `ours` stands in its metadata."""
        metadata = {"metadata": {"dualstream": {**ours}}} if ours else {}
        return ProjectedEvent(orjson.dumps({"type": kind, **fields, **metadata}))
