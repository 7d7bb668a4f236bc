"""The assistant's earlier turns in OpenAI's form: text, calls, and reasoning, for the provider that wrote it. Pure."""

import orjson
from pydantic import JsonValue

from gateway.dialects.anthropic.blocks import content_of, text_or_parts
from gateway.dialects.fields import malformed, objects_at, text_at
from gateway.protocol.commands import JsonObject
from gateway.upstreams.formats.anthropic_blocks import FORMAT
from gateway.upstreams.formats.sealed_reasoning import is_sealed, unseal


def translate_answer(content: JsonValue, path: str, untranslated: list[str]) -> JsonObject | None:
    """Return the message of an answer; None if nothing is left of it.

    Raises:
        Refused: a block has the wrong form.
    """
    if isinstance(content, str):
        return {"role": "assistant", "content": content} if content else None
    answer = _Answer()
    for at, block in enumerate(objects_at(content, path)):
        answer.add(block, f"{path}[{at}]", untranslated)
    return answer.message()


class _Answer:
    def __init__(self) -> None:
        self._parts: list[JsonObject] = []
        self._calls: list[JsonObject] = []
        self._details: list[JsonValue] = []
        """Reasoning with a signature, in OpenRouter's form."""
        self._plain: list[str] = []
        """Reasoning without one."""
        self._signatures: dict[str, str] = {}
        """Signatures of calls, by their ids."""

    def add(self, block: JsonObject, path: str, untranslated: list[str]) -> None:
        match block.get("type"):
            case "thinking":
                self._add_thinking(block, path)
            case "redacted_thinking":
                self._add_redacted(text_at(block.get("data"), f"{path}.data"))
            case "tool_use":
                self._calls.append(_call(block, path))
            case _:
                self._parts += content_of([block], path.rpartition("[")[0], untranslated)

    def _add_thinking(self, block: JsonObject, path: str) -> None:
        text = text_at(block.get("thinking"), f"{path}.thinking")
        signature = block.get("signature") or ""
        detail: JsonObject = {"type": "reasoning.text", "text": text}
        if is_sealed(signature):
            self._details.append({**detail, **unseal(str(signature))})
        elif signature:
            signed = {"signature": text_at(signature, f"{path}.signature"), "format": FORMAT}
            self._details.append({**detail, **signed})
        elif text:
            self._plain.append(text)

    def _add_redacted(self, data: str) -> None:
        if not is_sealed(data):
            self._details.append({"type": "reasoning.encrypted", "data": data, "format": FORMAT})
            return
        sealed = unseal(data)
        if "call" in sealed:
            self._signatures[sealed["call"]] = sealed.get("signature", "")
        elif sealed:
            self._details.append({"type": "reasoning.encrypted", **sealed})

    def message(self) -> JsonObject | None:
        """Return the message."""
        calls: list[JsonValue] = [
            {**call, "signature": signature} if (signature := self._signatures.get(str(call["id"]))) else call
            for call in self._calls
        ]
        if not (calls or self._parts):
            return None
        message: JsonObject = {"role": "assistant", "content": text_or_parts(self._parts, "") or None}
        if calls:
            message["tool_calls"] = calls
        if self._details:
            message["reasoning_details"] = self._details
        elif self._plain:
            message["reasoning_content"] = "".join(self._plain)
        return message


def _call(block: JsonObject, path: str) -> JsonObject:
    match block:
        case {"id": str() as call_id, "name": str() as name}:
            arguments = orjson.dumps(block.get("input") or {}).decode()
            return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}
    raise malformed(path, "must have an id and a name, as each tool_use block")
