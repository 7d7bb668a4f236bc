"""Complete what an attempt that was passed on left open: its end never came. Pure."""

from collections.abc import Mapping, Sequence
from typing import Final

import orjson

from gateway.dialects.json_data import decode_encodable
from gateway.dialects.openai_responses.writer import EventWriter
from gateway.protocol.commands import JsonObject
from gateway.upstreams.formats.json_values import index_of, list_of, object_of

_TEXTS: Final[Mapping[str, tuple[str, str, str, str]]] = {
    # Type of a delta: where its text belongs in the item, the type of the part, the index, the field of the text.
    "response.output_text.delta": ("content", "output_text", "content_index", "text"),
    "response.refusal.delta": ("content", "refusal", "content_index", "refusal"),
    "response.reasoning_text.delta": ("content", "reasoning_text", "content_index", "text"),
    "response.reasoning_summary_text.delta": ("summary", "summary_text", "summary_index", "text"),
}
_CALLS: Final = frozenset({"function_call", "custom_tool_call", "mcp_call", "computer_call", "local_shell_call"})


class _Text:
    """A text that was not complete."""

    def __init__(self, kind: str, event: JsonObject) -> None:
        self.kind = kind
        self.place = {name: event[name] for name in ("item_id", "output_index", _TEXTS[kind][2]) if name in event}
        self.pieces: list[str] = []

    def close(self, writer: EventWriter) -> JsonObject:
        """Add its last events, and return its part."""
        _, part_type, _, field = _TEXTS[self.kind]
        text = "".join(self.pieces)
        part: JsonObject = {"type": part_type, field: text}
        extra: JsonObject = {}
        if part_type == "output_text":
            part |= {"annotations": [], "logprobs": []}
            extra = {"logprobs": []}
        writer.add(self.kind.removesuffix("delta") + "done", {**self.place, field: text, **extra})
        closing = (
            "response.reasoning_summary_part.done" if part_type == "summary_text" else "response.content_part.done"
        )
        writer.add(closing, {**self.place, "part": part})
        return part


def close_open_items(lines: Sequence[bytes], writer: EventWriter) -> list[bytes]:
    """Add the events that end the items which these events have begun; return the items, encoded.

    A call that was not complete is left out: it must not be carried out.
    """
    items: dict[int | None, JsonObject] = {}
    texts: dict[int | None, dict[int | None, _Text]] = {}
    for line in lines:
        event = decode_encodable(line)
        kind, index = str(event.get("type")), index_of(event.get("output_index"))
        if kind == "response.output_item.added":
            items[index] = object_of(event.get("item"))
        elif kind == "response.output_item.done":
            items.pop(index, None)
        elif kind in _TEXTS:
            part = index_of(event.get(_TEXTS[kind][2]))
            text = texts.setdefault(index, {}).setdefault(part, _Text(kind, event))
            text.pieces.append(str(event.get("delta") or ""))
    closed: list[bytes] = []
    for index, item in items.items():
        if item.get("type") in _CALLS:
            continue
        whole: JsonObject = {**item, **({"status": "incomplete"} if "status" in item else {})}
        for text in texts.get(index, {}).values():
            field = _TEXTS[text.kind][0]
            whole[field] = [*list_of(whole.get(field)), text.close(writer)]
        closed.append(orjson.dumps(whole))
        writer.add("response.output_item.done", {"output_index": index, "item": orjson.Fragment(closed[-1])})
    return closed


def item_of(line: bytes) -> bytes:
    """Return the item in an event, encoded."""
    return orjson.dumps(decode_encodable(line).get("item"))
