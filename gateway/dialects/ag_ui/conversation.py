"""The conversation of a `RunAgentInput` in OpenAI's form. Pure (docs.ag-ui.com/spec/1.0, "Messages").

Reasoning has messages of its own: it becomes part of the answer that follows it. What a tool returned besides text
follows its result, since few other APIs take it inside. Activities are the client's own display, and left out.
"""

from collections.abc import Sequence
from typing import Final

from pydantic import JsonValue

from gateway.dialects.ag_ui.earlier_answers import Answer
from gateway.dialects.ag_ui.parts import parts_of, text_or_parts
from gateway.dialects.fields import malformed, named, text_at
from gateway.protocol.commands import JsonObject

_CONTEXT: Final = "Context that the application provides:"


class Conversation:
    """Translates a conversation into `messages`."""

    def __init__(self) -> None:
        self.messages: list[JsonObject] = []
        self._answer = Answer()
        """The answer that the next messages may belong to."""
        self._returned: list[JsonObject] = []
        """What tools returned besides text."""

    def add_messages(self, messages: Sequence[JsonObject]) -> None:
        """Add the messages of a body.

        Raises:
            Refused: they have another form than those of the protocol.
        """
        answered = {str(message.get("toolCallId")) for message in messages if message.get("role") == "tool"}
        self._answer = Answer(answered)
        for at, message in enumerate(messages):
            self._add(message, f"messages[{at}]")
        self._end_answer()

    def add_context(self, context: Sequence[JsonObject]) -> None:
        """Add what the application says of itself: a system message after those that begin the conversation.

        Raises:
            Refused: an entry has the wrong form.
        """
        entries = [
            f"{text_at(entry.get('description'), f'context[{at}].description')}:\n"
            f"{text_at(entry.get('value'), f'context[{at}].value')}"
            for at, entry in enumerate(context)
        ]
        if entries:
            roles = [message["role"] for message in self.messages]
            first = next((at for at, role in enumerate(roles) if role not in {"system", "developer"}), len(roles))
            self.messages.insert(first, {"role": "system", "content": "\n\n".join([_CONTEXT, *entries])})

    def _add(self, message: JsonObject, path: str) -> None:
        content: JsonValue = message.get("content")
        match message.get("role"):
            case "assistant":
                self._end_results()
                self._answer.add_message(message, path)
                self.messages += self._answer.take()
            case "reasoning":
                self._end_results()
                self._answer.add_reasoning(message, path)
            case "tool":
                self._add_result(message, path)
            case "user":
                self._end_answer()
                self.messages.append({"role": "user", "content": text_or_parts(parts_of(content, f"{path}.content"))})
            case "system" | "developer" as role:
                self._end_answer()
                self.messages.append({"role": role, "content": text_at(content, f"{path}.content")})
            case "activity":
                pass
            case str() as role:
                raise malformed(named(f"{path}.role", role), "is not a role of AG-UI 1.0")
            case _:
                raise malformed(f"{path}.role", "must be a string, such as user")

    def _add_result(self, message: JsonObject, path: str) -> None:
        call_id = text_at(message.get("toolCallId"), f"{path}.toolCallId")
        if self.messages and self.messages[-1]["role"] == "assistant":
            # The model went on to reason, and then called the tool: the client has this in its order of beginning.
            self._answer.give_reasoning_to(self.messages[-1])
        parts = parts_of(message.get("content") or "", f"{path}.content")
        texts = [str(part["text"]) for part in parts if part["type"] == "text"]
        others = [part for part in parts if part["type"] != "text"]
        if error := message.get("error"):
            texts.insert(0, f"Error: {text_at(error, f'{path}.error')}")
        if others:
            texts.append("(What this call returned besides follows in the next message.)")
            self._returned += [{"type": "text", "text": f"Returned by the call {call_id}:"}, *others]
        self.messages.append({"role": "tool", "tool_call_id": call_id, "content": "\n\n".join(texts)})

    def _end_results(self) -> None:
        if self._returned:
            self.messages.append({"role": "user", "content": [*self._returned]})
            self._returned = []

    def _end_answer(self) -> None:
        """End the turn of the assistant: reasoning that no answer followed has no place."""
        self._end_results()
        self._answer.drop_reasoning()
