"""Events of OpenAI's Responses API, as its documentation lists them for each item."""

from collections.abc import Sequence
from itertools import count

import orjson

Event = dict[str, object]


def event(kind: str, **fields: object) -> Event:
    return {"type": f"response.{kind}", **fields}


def item(kind: str, index: int, content: Event) -> Event:
    return event(f"output_item.{kind}", output_index=index, item=content)


def ended(how: str = "completed", **fields: object) -> Event:
    return event(how, response={"id": "resp_1", "object": "response", "status": how, **fields})


def text(kind: str, index: int, value: str, **fields: object) -> Event:
    """Build the event of a delta, or with the key `text` or `refusal` that of the complete text."""
    where = {"item_id": f"item_{index}", "output_index": index, "content_index": 0}
    return event(kind, **{**where, **({"delta": value} if kind.endswith("delta") else fields)})


def message(index: int, *pieces: str) -> list[Event]:
    """Return the events of a message: all that the documentation lists for it."""
    complete = "".join(pieces)
    part = {"type": "output_text", "text": complete, "annotations": []}
    at = {"item_id": f"item_{index}", "output_index": index, "content_index": 0}
    base = {"type": "message", "id": f"item_{index}", "role": "assistant"}
    return [
        item("added", index, {**base, "status": "in_progress", "content": []}),
        event("content_part.added", **at, part={**part, "text": ""}),
        *(text("output_text.delta", index, piece, logprobs=[]) for piece in pieces),
        event("output_text.done", **at, text=complete),
        event("content_part.done", **at, part=part),
        item("done", index, {**base, "status": "completed", "content": [part]}),
    ]


def call(index: int, call_id: str, name: str, *arguments: str) -> list[Event]:
    base = {"type": "function_call", "id": f"fc_{index}", "call_id": call_id, "name": name}
    at = {"item_id": f"fc_{index}", "output_index": index}
    return [
        item("added", index, {**base, "status": "in_progress", "arguments": ""}),
        *(event("function_call_arguments.delta", **at, delta=piece) for piece in arguments),
        event("function_call_arguments.done", **at, arguments="".join(arguments)),
        item("done", index, {**base, "status": "completed", "arguments": "".join(arguments)}),
    ]


def summary(index: int, *paragraphs: Sequence[str]) -> list[Event]:
    base = {"type": "reasoning", "id": f"rs_{index}"}
    events = [item("added", index, {**base, "summary": []})]
    for number, pieces in enumerate(paragraphs):
        at = {"item_id": f"rs_{index}", "output_index": index, "summary_index": number}
        complete = {"type": "summary_text", "text": "".join(pieces)}
        events += [
            event("reasoning_summary_part.added", **at, part={"type": "summary_text", "text": ""}),
            *(event("reasoning_summary_text.delta", **at, delta=piece) for piece in pieces),
            event("reasoning_summary_text.done", **at, text="".join(pieces)),
            event("reasoning_summary_part.done", **at, part=complete),
        ]
    parts = [{"type": "summary_text", "text": "".join(pieces)} for pieces in paragraphs]
    return [*events, item("done", index, {**base, "summary": parts})]


def refusal(index: int, *pieces: str) -> list[Event]:
    at = {"item_id": f"item_{index}", "output_index": index, "content_index": 0}
    return [
        *(event("refusal.delta", **at, delta=piece) for piece in pieces),
        event("refusal.done", **at, refusal="".join(pieces)),
        item("done", index, {"type": "message", "content": [{"type": "refusal", "refusal": "".join(pieces)}]}),
    ]


def encode_stream(events: Sequence[Event | bytes], *, numbered: bool = True) -> bytes:
    """Encode events as OpenAI does, with the type as the event's name and a sequence number in each."""
    numbers, written = count(), list[bytes]()
    for each in events:
        if isinstance(each, bytes):
            written.append(each)
            continue
        data = {**each, "sequence_number": next(numbers)} if numbered else each
        written.append(b"event: %b\ndata: %b\n\n" % (str(each["type"]).encode(), orjson.dumps(data)))
    return b"".join(written)
