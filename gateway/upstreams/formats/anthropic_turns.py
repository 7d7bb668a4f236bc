"""Build the turns of Anthropic's Messages API from messages in OpenAI's chat format. Pure.

Sources: docs.anthropic.com, "Messages", "Tool use", "Extended thinking" ("Preserving thinking blocks").
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import orjson
from pydantic import JsonValue

from gateway.protocol.commands import JsonObject, Message
from gateway.protocol.errors import UnsupportedOption
from gateway.upstreams.formats.call_ids import ToolIds
from gateway.upstreams.formats.earlier_turns import (
    check_assistant,
    earlier_reasoning,
    is_thinking,
    plain_reasoning,
)
from gateway.upstreams.formats.sealed_reasoning import is_sealed

_TOOL_ID = r"[a-zA-Z0-9_-]+"
"""Ids of tool calls that the API accepts: others are refused by this pattern."""


class Turns(NamedTuple):
    """A conversation as the API takes it. `system` are the texts of all system messages, wherever they stand."""

    system: list[JsonObject]
    alternating: list[tuple[str, list[JsonObject]]]

    @property
    def allow_thinking(self) -> bool:
        """Return True unless the last turn with tool calls has no thinking to be given back.

        With thinking, the API refuses such a turn: "a final assistant message must start with a thinking block".
        """
        with_calls = [blocks for _, blocks in self.alternating if any(map(_is_call, blocks))]
        return not with_calls or is_thinking(with_calls[-1][0])

    def body(self) -> JsonObject:
        """Return the fields of the request's body."""
        content: list[JsonValue] = [{"role": role, "content": [*blocks]} for role, blocks in self.alternating]
        return {"system": [*self.system], "messages": content} if self.system else {"messages": content}


def build_turns(model: str, messages: Sequence[Message]) -> Turns:
    """Build the turns of a conversation.

    Raises:
        UnsupportedOption: naming what the API can't express.
    """
    turns, ids = Turns([], []), ToolIds(_TOOL_ID)
    for at, message in enumerate(messages):
        blocks = _message(model, message, f"messages[{at}]", ids)
        if message.role in {"system", "developer"}:
            turns.system.extend(blocks)
            continue
        role = "assistant" if message.role == "assistant" else "user"
        if turns.alternating and turns.alternating[-1][0] == role:
            # Messages of one side are joined: the results of parallel tool calls must come in a single turn.
            turns.alternating[-1][1].extend(blocks)
        elif blocks:
            turns.alternating.append((role, blocks))
    if turns.alternating and turns.alternating[-1][0] == "assistant":
        _strip_prefill(turns.alternating[-1][1])
    return turns


def _strip_prefill(blocks: list[JsonObject]) -> None:
    """Remove what the API refuses in an answer to be continued: thinking, and white space at the end of its text."""
    if any(not is_thinking(block) for block in blocks):
        blocks[:] = [block for block in blocks if not is_thinking(block)]
    match blocks[-1]:
        case {"type": "text", "text": str() as text}:
            blocks[-1] = {**blocks[-1], "text": text.rstrip()}


def _message(model: str, message: Message, path: str, ids: ToolIds) -> list[JsonObject]:
    blocks, extra = _blocks(message.content, path), message.model_extra or {}
    if message.role in {"system", "developer"} and any(block.get("type") != "text" for block in blocks):
        raise _unsupported(f"{path}: a {message.role} message may contain only text for this provider")
    if message.role == "tool":
        call_id = extra.get("tool_call_id")
        if not isinstance(call_id, str):
            raise _unsupported(f"{path}.tool_call_id is missing")
        content: JsonObject = {"content": [*blocks]} if blocks else {}
        return [{"type": "tool_result", "tool_use_id": ids.of_result(call_id), **content}]
    return _answer(model, blocks, extra, path, ids) if message.role == "assistant" else blocks


def _answer(
    model: str, blocks: list[JsonObject], fields: Mapping[str, JsonValue], path: str, ids: ToolIds
) -> list[JsonObject]:
    """Build the blocks of an earlier answer: thinking, text, calls."""
    check_assistant(fields, path)
    refusal, calls = fields.get("refusal"), fields.get("tool_calls")
    if isinstance(refusal, str) and refusal.strip():
        blocks.append({"type": "text", "text": refusal})
    has_calls = isinstance(calls, list) and bool(calls)
    blocks = [block for block in blocks if not is_foreign_thinking(block, model)]
    if not any(map(is_thinking, blocks)):
        blocks = [*_earlier_thinking(model, fields, has_calls=has_calls), *blocks]
    if isinstance(calls, list):
        blocks.extend(_tool_use(call, f"{path}.tool_calls[{at}]", ids) for at, call in enumerate(calls))
    return blocks


def _earlier_thinking(model: str, fields: Mapping[str, JsonValue], *, has_calls: bool) -> list[JsonObject]:
    """Build the thinking that a message gives back, in front of everything else ("Preserving thinking blocks")."""
    blocks: list[JsonObject] = []
    for each in earlier_reasoning(fields, "anthropic"):
        if each.data:
            blocks.append({"type": "redacted_thinking", "data": each.data})
        elif each.signature or has_calls:
            blocks.append({"type": "thinking", "thinking": each.text, "signature": each.signature})
    if not blocks and has_calls and (text := plain_reasoning(fields)):
        # Kimi and DeepSeek sign nothing, and want the reasoning of a turn with calls back all the same.
        blocks = [{"type": "thinking", "thinking": text, "signature": ""}]
    return [block for block in blocks if not is_foreign_thinking(block, model)]


def is_foreign_thinking(block: JsonObject, model: str) -> bool:
    """Return True for thinking that this model did not write, and that its provider would refuse.

    Claude signs all of its own. Models of other makers with this API sign none.
    """
    match block.get("type"):
        case "thinking":
            signature = block.get("signature")
            return (not signature and "claude" in model) or is_sealed(signature)
        case "redacted_thinking":
            return is_sealed(block.get("data"))
    return False


def _is_call(block: JsonObject) -> bool:
    return block.get("type") == "tool_use"


def _tool_use(call: JsonValue, path: str, ids: ToolIds) -> JsonObject:
    match call:
        case {"id": str() as call_id, "function": {"name": str() as name, "arguments": str() as arguments}}:
            try:
                value = orjson.loads(arguments.strip() or "{}")
                # The value is sent this deep in the body, and orjson can't write what is nested too deeply there.
                orjson.dumps([[[[[[value]]]]]])
            except (orjson.JSONDecodeError, orjson.JSONEncodeError):
                value = None
            if isinstance(value, dict):
                return {"type": "tool_use", "id": ids.of_call(call_id), "name": name, "input": value}
            raise _unsupported(f"{path}.function.arguments is not a JSON object")
    raise _unsupported(f"{path}: a tool call needs an id, a function.name and function.arguments")


def _blocks(content: str | list[JsonObject] | None, path: str) -> list[JsonObject]:
    parts: list[JsonObject] = [{"type": "text", "text": content}] if isinstance(content, str) else content or []
    blocks = [_block(part, f"{path}.content[{at}]") for at, part in enumerate(parts)]
    # The API refuses blank text.
    return [block for block in blocks if block.get("type") != "text" or str(block.get("text")).strip()]


def _block(part: JsonObject, path: str) -> JsonObject:
    match part:
        case {"type": "image_url", "image_url": {"url": str() as url}}:
            return {"type": "image", "source": _source(url, "image/", path)}
        case {"type": "file", "file": {"file_data": str() as url, **fields}}:
            title = {"title": name} if isinstance(name := fields.get("filename"), str) else {}
            return {"type": "document", "source": _source(url, "application/pdf", path), **title}
        case {"type": "refusal", "refusal": str() as text}:
            return {"type": "text", "text": text}
        case {"type": "image_url" | "file" | "input_audio" | "refusal" as kind}:
            supported = "text, images by URL and PDF files as file_data"
            raise _unsupported(f"{path}: the provider supports {supported}, not this {kind}")
    # Text, and blocks in Anthropic's own format, are passed on with all their fields (such as `cache_control`).
    return part


def _source(url: str, media_type: str, path: str) -> JsonObject:
    """Build the source of an image or a file: the data of a `data:` URL, or the URL itself."""
    head, _, data = url.partition(",")
    media, *parameters = head.removeprefix("data:").split(";")
    if head.startswith("data:") and "base64" in parameters and media.startswith(media_type):
        return {"type": "base64", "media_type": media, "data": data}
    if url.startswith(("https://", "http://")):
        return {"type": "url", "url": url}
    example = f"data:{media_type}{'…' if media_type[-1] == '/' else ''};base64,…"
    raise _unsupported(f"{path}: must be an https: URL, or {example}")


def _unsupported(message: str) -> UnsupportedOption:
    """Return the refusal of a part of a message, whose path stands before the colon or the first space."""
    return UnsupportedOption(f"{message}.", message.partition(" ")[0].rstrip(":"))
