"""Complete what an attempt that was passed on left open: its end never came. Pure."""

from collections.abc import Mapping, Sequence
from typing import Final

import orjson

from gateway.dialects.json_data import decode_object
from gateway.dialects.openai_responses.writer import EventWriter

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

    def __init__(self, kind: str, event: Mapping[str, object]) -> None:
        self.kind = kind
        self.place = {name: event[name] for name in ("item_id", "output_index", _TEXTS[kind][2]) if name in event}
        self.pieces: list[str] = []

    def close(self, writer: EventWriter) -> dict[str, object]:
        """Add its last events, and return its part."""
        _, part_type, _, field = _TEXTS[self.kind]
        text = "".join(self.pieces)
        part: dict[str, object] = {"type": part_type, field: text}
        extra: dict[str, object] = {}
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
    items: dict[object, dict[str, object]] = {}
    texts: dict[object, dict[object, _Text]] = {}
    for line in lines:
        event = decode_object(line)
        kind, index = event.get("type"), event.get("output_index")
        if kind == "response.output_item.added":
            items[index] = event.get("item") or {}
        elif kind == "response.output_item.done":
            items.pop(index, None)
        elif kind in _TEXTS:
            part = event.get(_TEXTS[kind][2])
            texts.setdefault(index, {}).setdefault(part, _Text(kind, event)).pieces.append(
                str(event.get("delta") or "")
            )
    closed: list[bytes] = []
    for index, item in items.items():
        if item.get("type") in _CALLS:
            continue
        whole = {**item, "status": "incomplete"} if "status" in item else dict(item)
        for text in texts.get(index, {}).values():
            field = _TEXTS[text.kind][0]
            earlier = whole.get(field)
            whole[field] = [*(earlier if isinstance(earlier, list) else ()), text.close(writer)]
        closed.append(orjson.dumps(whole))
        writer.add("response.output_item.done", {"output_index": index, "item": orjson.Fragment(closed[-1])})
    return closed


def item_of(line: bytes) -> bytes:
    """Return the item in an event, encoded."""
    return orjson.dumps(decode_object(line).get("item"))
