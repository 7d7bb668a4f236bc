"""The messages that the events of a run make, as clients have them. Pure.

It does what a client does (docs.ag-ui.com/spec/1.0, "Messages"), as far as our own events need it.
"""

from collections.abc import Iterable, Mapping
from typing import Final

import orjson
from pydantic import JsonValue

from gateway.dialects.base import Projection
from gateway.generation.event_log import Entry
from gateway.protocol.commands import JsonObject


def transcript_of(projection: Projection, entries: Iterable[Entry]) -> "Transcript":
    """Return what the entries of a log have made so far."""
    transcript = Transcript()
    for entry in entries:
        for event in projection.project(entry):
            transcript.add(orjson.loads(event.data))
    return transcript


class Transcript:
    """Builds the messages of a run, event by event, and knows which of them are still open."""

    def __init__(self) -> None:
        self.messages: list[JsonObject] = []
        self.open: dict[str, JsonObject] = {}
        """The events that have begun what is open, in order, each by the type of its end and its id."""

    def add(self, event: JsonObject) -> None:
        """Apply an event."""
        kind = str(event["type"])
        if (end := _ENDS.get(kind)) is not None:
            self.open[_key(end, event)] = event
        elif kind in _ID_FIELDS:
            self.open.pop(_key(kind, event), None)
        self._apply(kind, event)

    def _apply(self, kind: str, event: JsonObject) -> None:
        match kind:
            case "TEXT_MESSAGE_START":
                self._begin(event, "assistant")
            case "REASONING_MESSAGE_START":
                self._begin(event, "reasoning")
            case "TEXT_MESSAGE_CONTENT" | "REASONING_MESSAGE_CONTENT":
                self._add_text(event)
            case "TOOL_CALL_START":
                self._begin_call(event)
            case "TOOL_CALL_ARGS":
                self._add_arguments(event)
            case "REASONING_ENCRYPTED_VALUE":
                self._encrypt(event)
            case "MESSAGES_SNAPSHOT":
                self._replace(event["messages"])

    def _replace(self, snapshot: JsonValue) -> None:
        """Keep the messages that are in a snapshot, as they are there."""
        messages = snapshot if isinstance(snapshot, list) else []
        found = {str(message.get("id")): message for message in messages if isinstance(message, dict)}
        self.messages = [{**found[name]} for message in self.messages if (name := str(message["id"])) in found]

    def _message(self, message_id: JsonValue, role: str) -> JsonObject:
        found = next((message for message in self.messages if message["id"] == message_id), None)
        if found is None:
            found = {"id": message_id, "role": role}
            self.messages.append(found)
        return found

    def _begin(self, event: JsonObject, role: str) -> None:
        self._message(event["messageId"], role).setdefault("content", "")

    def _add_text(self, event: JsonObject) -> None:
        message = self._message(event["messageId"], "assistant")
        message["content"] = f"{message.get('content') or ''}{event['delta']}"

    def _begin_call(self, event: JsonObject) -> None:
        if self._call(event["toolCallId"]):
            return
        message = self._message(event["parentMessageId"], "assistant")
        calls = message.setdefault("toolCalls", [])
        function: JsonObject = {"name": event["toolCallName"], "arguments": ""}
        if isinstance(calls, list):
            calls.append({"id": event["toolCallId"], "type": "function", "function": function})

    def _add_arguments(self, event: JsonObject) -> None:
        if isinstance(function := self._call(event["toolCallId"]).get("function"), dict):
            function["arguments"] = f"{function['arguments']}{event['delta']}"

    def _encrypt(self, event: JsonObject) -> None:
        entity = event["entityId"]
        target = self._call(entity) if event["subtype"] == "tool-call" else self._message(entity, "reasoning")
        target["encryptedValue"] = event["encryptedValue"]

    def _call(self, call_id: JsonValue) -> JsonObject:
        for message in self.messages:
            calls = message.get("toolCalls")
            for call in calls if isinstance(calls, list) else ():
                if isinstance(call, dict) and call["id"] == call_id:
                    return call
        return {}


_ENDS: Final[Mapping[str, str]] = {
    "TEXT_MESSAGE_START": "TEXT_MESSAGE_END",
    "TOOL_CALL_START": "TOOL_CALL_END",
    "REASONING_START": "REASONING_END",
    "REASONING_MESSAGE_START": "REASONING_MESSAGE_END",
    "STEP_STARTED": "STEP_FINISHED",
}
"""Types of events that end what an event has begun."""

_ID_FIELDS: Final[Mapping[str, str]] = {
    "TEXT_MESSAGE_END": "messageId",
    "TOOL_CALL_END": "toolCallId",
    "REASONING_END": "messageId",
    "REASONING_MESSAGE_END": "messageId",
    "STEP_FINISHED": "stepName",
}
"""Fields by which such an event names what it ends."""


def _key(end: str, event: JsonObject) -> str:
    return f"{end} {event[_ID_FIELDS[end]]}"
