"""Convert UI messages to messages in the form of chat completions. Pure.

Source: ai-sdk.dev/docs/reference/ai-sdk-core/ui-message, and `convertToModelMessages` of the SDK. Parts for the page
alone (sources, data parts, custom parts) are left out.
"""

from dataclasses import dataclass, field
from typing import Final

from pydantic import JsonValue

from gateway.dialects.ai_sdk.files import file_part
from gateway.dialects.ai_sdk.tool_parts import answered_call, is_tool
from gateway.dialects.ai_sdk.writer import OWN
from gateway.dialects.fields import malformed, objects_at, text_at
from gateway.protocol.commands import JsonObject
from gateway.upstreams.formats.json_values import object_of

_ROLES: Final = ("system", "user", "assistant")
_SEALED: Final = ("data", "format", "id")
_SIGNED: Final = ("signature", "format")


@dataclass(slots=True)
class _Step:
    """One step of an answer: one message of the assistant, and the results of its calls."""

    texts: list[str] = field(default_factory=list)
    thoughts: list[str] = field(default_factory=list)
    details: list[JsonValue] = field(default_factory=list)
    images: list[JsonValue] = field(default_factory=list)
    calls: list[JsonValue] = field(default_factory=list)
    results: list[JsonObject] = field(default_factory=list)

    def messages(self) -> list[JsonObject]:
        """Return its messages; none if it contains nothing that a provider reads."""
        text = "".join(self.texts)
        if not (text or self.calls or self.images):
            return []
        message: JsonObject = {"role": "assistant", "content": text or (None if self.calls else "")}
        named = {"tool_calls": self.calls, "reasoning_details": self.details, "images": self.images}
        message |= {name: value for name, value in named.items() if value}
        if self.thoughts and not self.details:
            message["reasoning_content"] = "".join(self.thoughts)
        return [message, *self.results]


class Conversation:
    """Collects the messages of a request."""

    def __init__(self) -> None:
        self.messages: list[JsonObject] = []
        self._step = _Step()

    def add(self, message: JsonObject, path: str) -> None:
        """Add a UI message.

        Raises:
            Refused: it is not valid.
        """
        role = message.get("role")
        if not isinstance(role, str) or role not in _ROLES:
            raise malformed(f"{path}.role", f"must be one of {', '.join(_ROLES)}")
        parts = _parts_of(message, path)
        if role == "assistant":
            self._add_answer(parts, f"{path}.parts")
        elif role == "system":
            texts = [text_at(p.get("text"), f"{path}.parts[{at}].text") for at, p in enumerate(parts) if _is_text(p)]
            if any(texts):
                self.messages.append({"role": "system", "content": "".join(texts)})
        else:
            self._add_question(parts, f"{path}.parts")

    def _add_question(self, parts: list[JsonObject], path: str) -> None:
        content: list[JsonObject] = []
        for at, part in enumerate(parts):
            if _is_text(part):
                if text := text_at(part.get("text"), f"{path}[{at}].text"):
                    content.append({"type": "text", "text": text})
            elif _kind(part, f"{path}[{at}]") == "file":
                content.append(file_part(part, f"{path}[{at}]"))
        match content:
            case []:
                if not parts:
                    raise malformed(path, "must contain a text or a file")
            case [{"type": "text", "text": str(text)}]:
                self.messages.append({"role": "user", "content": text})
            case _:
                self.messages.append({"role": "user", "content": [*content]})

    def _add_answer(self, parts: list[JsonObject], path: str) -> None:
        for at, part in enumerate(parts):
            where = f"{path}[{at}]"
            kind = _kind(part, where)
            match kind:
                case "step-start":
                    self._end_step()
                case "steering-message":
                    # What the user said while the answer was being written.
                    self._end_step()
                    self._add_question(objects_at(part.get("parts"), f"{where}.parts"), f"{where}.parts")
                case _:
                    self._add_to_step(part, kind, where)
        self._end_step()

    def _add_to_step(self, part: JsonObject, kind: str, path: str) -> None:
        step = self._step
        if kind == "text":
            step.texts.append(text_at(part.get("text"), f"{path}.text"))
        elif kind == "reasoning":
            self._add_reasoning(part, path)
        elif kind == "file":
            if (image := file_part(part, path))["type"] == "image_url":
                step.images.append(image)
        elif is_tool(kind) and (answered := answered_call(part, kind, path)) is not None:
            step.calls.append(answered.call)
            step.results.append(answered.result)

    def _add_reasoning(self, part: JsonObject, path: str) -> None:
        """Add reasoning, with what its provider has signed or sealed."""
        own = object_of(object_of(part.get("providerMetadata")).get(OWN))
        text = text_at(part.get("text"), f"{path}.text")
        if isinstance(own.get("data"), str):
            self._step.details.append({"type": "reasoning.encrypted", **_texts(own, _SEALED)})
        elif isinstance(own.get("signature"), str):
            self._step.details.append({"type": "reasoning.text", "text": text, **_texts(own, _SIGNED)})
        elif text:
            self._step.thoughts.append(text)

    def _end_step(self) -> None:
        self.messages += self._step.messages()
        self._step = _Step()


def _parts_of(message: JsonObject, path: str) -> list[JsonObject]:
    """Return the parts of a message; version 4 of the SDK had a text beside them."""
    content = message.get("content")
    if message.get("parts") is None and isinstance(content, str):
        return [{"type": "text", "text": content}]
    return objects_at(message.get("parts"), f"{path}.parts")


def _is_text(part: JsonObject) -> bool:
    return part.get("type") == "text"


def _kind(part: JsonObject, path: str) -> str:
    return text_at(part.get("type"), f"{path}.type")


def _texts(own: JsonObject, names: tuple[str, ...]) -> JsonObject:
    return {name: value for name in names if isinstance(value := own.get(name), str)}
