"""The conversation of a request of the Messages API in OpenAI's form. Pure.

Sources: docs.anthropic.com, "Messages", "Tool use", "Extended thinking". A message of the user becomes one message for
each tool result in it, and one for the rest; the images of results follow them, since few other APIs take them inside.
What Anthropic's servers ran in earlier turns is left out: the text that was written from it stays.
"""

from typing import Final

from pydantic import JsonValue

from gateway.dialects.anthropic.blocks import content_of, text_or_parts
from gateway.dialects.anthropic.earlier_answers import translate_answer
from gateway.dialects.fields import malformed, named, objects_at
from gateway.protocol.commands import JsonObject

_BILLING: Final = "x-anthropic-billing-header:"
"""Beginning of a block in Claude Code's system prompt that is meant for Anthropic's accounting."""


class Conversation:
    """Translates a conversation. `untranslated` names what only Anthropic's API has, and what changes the answer."""

    def __init__(self) -> None:
        self.messages: list[JsonValue] = []
        self.untranslated: list[str] = []

    def add_conversation(self, body: JsonObject) -> None:
        """Add the system prompt and the messages of a body.

        Raises:
            Refused: they have another form than those of the API.
        """
        system = content_of(body.get("system") or "", "system", self.untranslated)
        if system := [part for part in system if not str(part.get("text")).startswith(_BILLING)]:
            self.messages.append({"role": "system", "content": text_or_parts(system)})
        messages = objects_at(body.get("messages"), "messages")
        if not messages:
            raise malformed("messages", "must contain a message")
        for at, message in enumerate(messages):
            self._add(message, f"messages[{at}]")

    def _add(self, message: JsonObject, path: str) -> None:
        match message.get("role"):
            case "user":
                self._add_turn(message, path)
            case "assistant":
                if answer := translate_answer(message.get("content"), f"{path}.content", self.untranslated):
                    self.messages.append(answer)
            case "system" | "developer" as role:
                # Newer models take instructions between the turns.
                if parts := content_of(message.get("content"), f"{path}.content", self.untranslated):
                    self.messages.append({"role": role, "content": text_or_parts(parts)})
            case str() as role:
                self.untranslated.append(named(f"{path}.role", role))
            case _:
                raise malformed(f"{path}.role", "must be user, assistant or system")

    def _add_turn(self, message: JsonObject, path: str) -> None:
        content = message.get("content")
        blocks = objects_at(content, f"{path}.content") if isinstance(content, list) else []
        results = [block for block in blocks if block.get("type") == "tool_result"]
        rest: JsonValue = [block for block in blocks if block.get("type") != "tool_result"]
        images: list[JsonObject] = []
        for at, result in enumerate(results):
            self._add_result(result, f"{path}.content[{at}]", images)
        parts = content_of(rest if blocks else content, f"{path}.content", self.untranslated)
        if images or parts or not results:
            self.messages.append({"role": "user", "content": text_or_parts([*images, *parts])})

    def _add_result(self, result: JsonObject, path: str, images: list[JsonObject]) -> None:
        call_id = result.get("tool_use_id")
        if not isinstance(call_id, str):
            raise malformed(f"{path}.tool_use_id", "must be a string")
        parts = content_of(result.get("content") or "", f"{path}.content", self.untranslated)
        texts = [str(part["text"]) for part in parts if part["type"] == "text"]
        others = [part for part in parts if part["type"] != "text"]
        if others:
            texts.append("(What this call returned besides follows in the next message.)")
            images += [{"type": "text", "text": f"Returned by the call {call_id}:"}, *others]
        text = "\n\n".join(texts)
        if result.get("is_error") is True:
            text = f"Error: {text}"
        self.messages.append({"role": "tool", "tool_call_id": call_id, "content": text})
