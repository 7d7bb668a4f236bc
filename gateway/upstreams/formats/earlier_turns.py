"""What the assistant's earlier turns carry, whichever provider wrote them: its reasoning. Pure.

Clients send back what they were given, often to another provider. What another provider signed means nothing to this
one, and is left out. Fields that only repeat an answer in another form (`reasoning_content`, `annotations`, `audio`
without a value) have no effect, and are left out, too.
"""

from collections.abc import Mapping
from typing import NamedTuple

from pydantic import JsonValue

from gateway.protocol.commands import JsonObject
from gateway.protocol.errors import UnsupportedOption
from gateway.upstreams.formats.json_values import objects_of, text_of

_CARRY_CONTENT = ("audio", "function_call")
"""Fields of a message that no format but chat completions has, and without which it would mean something else."""

_THINKING_TYPES = frozenset({"thinking", "redacted_thinking"})


class EarlierReasoning(NamedTuple):
    """Reasoning of an earlier turn: its text, perhaps with a signature, or encrypted as a whole (`data`).

    `format` names who wrote it, if that is known, in our words (`anthropic`) or OpenRouter's (`anthropic-claude-v1`).
    """

    text: str = ""
    signature: str = ""
    data: str = ""
    id: str = ""
    format: str = ""


def check_assistant(fields: Mapping[str, JsonValue], path: str) -> None:
    """Raise if a message of the assistant contains what can't be left out.

    Raises:
        UnsupportedOption: naming the field.
    """
    for name in _CARRY_CONTENT:
        if fields.get(name):
            param = f"{path}.{name}"
            raise UnsupportedOption(f"{param}: the provider does not support it: leave it out.", param)


def is_thinking(part: JsonObject) -> bool:
    """Return True if a content part is thinking in Anthropic's form."""
    return part.get("type") in _THINKING_TYPES


def reasoning_details(fields: Mapping[str, JsonValue], *, summaries: bool = True) -> list[EarlierReasoning]:
    """Return the reasoning in `reasoning_details`, OpenRouter's form, from any provider."""
    details = objects_of(fields.get("reasoning_details"))
    return [_of_fields(detail) for detail in details if summaries or detail.get("type") != "reasoning.summary"]


def thinking_blocks(blocks: JsonValue) -> list[EarlierReasoning]:
    """Return the reasoning in blocks of Anthropic's API."""
    return [_of_fields(block)._replace(format="anthropic") for block in objects_of(blocks)]


def earlier_reasoning(fields: Mapping[str, JsonValue], wire_format: str) -> list[EarlierReasoning]:
    """Return the reasoning that a message gives back, and that this wire format wrote.

    It stands in `thinking_blocks` (Anthropic's own form), or in `reasoning_details`, whose texts may come in pieces,
    the signature with the last. A text without a signature is returned, too: some servers sign none.
    """
    if wire_format == "anthropic" and (blocks := thinking_blocks(fields.get("thinking_blocks"))):
        return blocks
    found: list[EarlierReasoning] = []
    text = ""
    for piece in reasoning_details(fields, summaries=False):
        if not _is_of(wire_format, piece.format):
            continue
        text += piece.text
        if piece.signature or piece.data:
            found.append(piece._replace(text=text))
            text = ""
    return [*found, EarlierReasoning(text)] if text else found


def plain_reasoning(fields: Mapping[str, JsonValue]) -> str:
    """Return the text of reasoning without signatures, as most servers with OpenAI's chat API show it."""
    return _text(fields.get("reasoning_content")) or _text(fields.get("reasoning"))


def _of_fields(fields: JsonObject) -> EarlierReasoning:
    """Read a detail or a block: both have a signature or data, and a text under the name of its kind."""
    found = (fields.get("text") or fields.get("thinking") or fields.get("summary"), fields.get("signature"))
    return EarlierReasoning(*map(_text, (*found, fields.get("data"), fields.get("id"), fields.get("format"))))


def _is_of(wire_format: str, name: str) -> bool:
    """Return True if reasoning has a format of this wire format, such as OpenRouter's `anthropic-claude-v1`.

    Without a name it is taken for Anthropic's: no other provider signs text.
    """
    return name.startswith(wire_format) if name else wire_format == "anthropic"


def _text(value: JsonValue) -> str:
    return text_of(value) or ""
