"""The assistant's earlier turns in OpenAI's form: text, calls, and reasoning, for the provider that wrote it. Pure."""

from collections.abc import Set

from pydantic import JsonValue

from gateway.dialects.ag_ui.parts import parts_of, text_or_parts
from gateway.dialects.fields import malformed, objects_at, text_at
from gateway.protocol.commands import JsonObject
from gateway.upstreams.formats.sealed_reasoning import is_sealed, unseal


class Answer:
    """Collects what belongs to one message of the assistant.

    `answered` are the ids of the calls with a result. Others are left out: a provider refuses a call without one, and
    the run that a client has stopped may have left some, with half of their arguments.
    """

    def __init__(self, answered: Set[str] = frozenset()) -> None:
        self._answered = answered
        self._message: JsonObject = {}
        self._details: list[JsonValue] = []
        """Reasoning with a signature, in OpenRouter's form."""
        self._plain: list[str] = []
        """Reasoning without one."""

    def add_reasoning(self, message: JsonObject, path: str) -> None:
        """Add a span of reasoning that stands before an answer. Values that another server encrypted are left out.

        Raises:
            Refused: it has the wrong form.
        """
        text, value = text_at(message.get("content"), f"{path}.content"), message.get("encryptedValue")
        if not is_sealed(value):
            self._plain += [text] if text else []
            return
        sealed = unseal(str(value))
        if "data" in sealed:
            self._details.append({"type": "reasoning.encrypted", **sealed})
        elif sealed:
            self._details.append({"type": "reasoning.text", "text": text, **sealed})

    def drop_reasoning(self) -> None:
        """Forget reasoning that no answer has followed."""
        self._details, self._plain = [], []

    def add_message(self, message: JsonObject, path: str) -> None:
        """Add a message of the assistant.

        Raises:
            Refused: it has the wrong form.
        """
        parts = parts_of(message.get("content") or "", f"{path}.content")
        sent = objects_at(message.get("toolCalls") or [], f"{path}.toolCalls")
        calls = [_call(call, f"{path}.toolCalls[{at}]") for at, call in enumerate(sent)]
        kept: list[JsonValue] = [call for call in calls if call["id"] in self._answered]
        if not (parts or kept):
            return
        self._message = {"role": "assistant", "content": text_or_parts(parts, "") or None}
        if kept:
            self._message["tool_calls"] = kept

    def take(self) -> list[JsonObject]:
        """Return the message with its reasoning; none if nothing of it is left, and its reasoning waits for another."""
        message, self._message = self._message, {}
        if not message:
            return []
        self.give_reasoning_to(message)
        return [message]

    def give_reasoning_to(self, message: JsonObject) -> None:
        """Add the reasoning that waits for an answer to a message of the assistant."""
        if self._details:
            before = message.get("reasoning_details")
            message["reasoning_details"] = [*(before if isinstance(before, list) else ()), *self._details]
        elif self._plain and "reasoning_details" not in message:
            message["reasoning_content"] = str(message.get("reasoning_content") or "") + "".join(self._plain)
        self.drop_reasoning()


def _call(call: JsonObject, path: str) -> JsonObject:
    match call:
        case {"id": str() as call_id, "function": {"name": str() as name, "arguments": str() as arguments}}:
            function: JsonObject = {"name": name, "arguments": arguments or "{}"}
            value = call.get("encryptedValue")
            signature = unseal(str(value)).get("signature") if is_sealed(value) else None
            signed: JsonObject = {"signature": signature} if signature else {}
            return {"id": call_id, "type": "function", "function": function, **signed}
    raise malformed(path, "must have an id, and a function with a name and arguments, which are a string")
