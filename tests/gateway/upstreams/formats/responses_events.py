"""Events of OpenAI's Responses API, as its documentation lists them for each item."""

from collections.abc import Sequence
from itertools import count

import orjson

Event = dict[str, object]


def event(kind: str, **fields: object) -> Event:
    return {"type": f"response.{kind}", **fields}


def item(kind: str, place: int, content: Event) -> Event:
    return event(f"output_item.{kind}", output_index=place, item=content)


def ended(how: str = "completed", **fields: object) -> Event:
    return event(how, response={"id": "resp_1", "object": "response", "status": how, **fields})


def text(kind: str, place: int, value: str, **fields: object) -> Event:
    """Make a delta, or with the key `text` or `refusal` what is whole."""
    where = {"item_id": f"item_{place}", "output_index": place, "content_index": 0}
    return event(kind, **{**where, **({"delta": value} if kind.endswith("delta") else fields)})


def message(place: int, *words: str) -> list[Event]:
    """Make a message as it is streamed: every event that the documentation lists for it."""
    whole = "".join(words)
    part = {"type": "output_text", "text": whole, "annotations": []}
    at = {"item_id": f"item_{place}", "output_index": place, "content_index": 0}
    head = {"type": "message", "id": f"item_{place}", "role": "assistant"}
    return [
        item("added", place, {**head, "status": "in_progress", "content": []}),
        event("content_part.added", **at, part={**part, "text": ""}),
        *(text("output_text.delta", place, word, logprobs=[]) for word in words),
        event("output_text.done", **at, text=whole),
        event("content_part.done", **at, part=part),
        item("done", place, {**head, "status": "completed", "content": [part]}),
    ]


def call(place: int, call_id: str, name: str, *arguments: str) -> list[Event]:
    head = {"type": "function_call", "id": f"fc_{place}", "call_id": call_id, "name": name}
    at = {"item_id": f"fc_{place}", "output_index": place}
    return [
        item("added", place, {**head, "status": "in_progress", "arguments": ""}),
        *(event("function_call_arguments.delta", **at, delta=piece) for piece in arguments),
        event("function_call_arguments.done", **at, arguments="".join(arguments)),
        item("done", place, {**head, "status": "completed", "arguments": "".join(arguments)}),
    ]


def summary(place: int, *paragraphs: Sequence[str]) -> list[Event]:
    head = {"type": "reasoning", "id": f"rs_{place}"}
    events = [item("added", place, {**head, "summary": []})]
    for number, words in enumerate(paragraphs):
        at = {"item_id": f"rs_{place}", "output_index": place, "summary_index": number}
        whole = {"type": "summary_text", "text": "".join(words)}
        events += [
            event("reasoning_summary_part.added", **at, part={"type": "summary_text", "text": ""}),
            *(event("reasoning_summary_text.delta", **at, delta=word) for word in words),
            event("reasoning_summary_text.done", **at, text="".join(words)),
            event("reasoning_summary_part.done", **at, part=whole),
        ]
    parts = [{"type": "summary_text", "text": "".join(words)} for words in paragraphs]
    return [*events, item("done", place, {**head, "summary": parts})]


def refusal(place: int, *words: str) -> list[Event]:
    at = {"item_id": f"item_{place}", "output_index": place, "content_index": 0}
    return [
        *(event("refusal.delta", **at, delta=word) for word in words),
        event("refusal.done", **at, refusal="".join(words)),
        item("done", place, {"type": "message", "content": [{"type": "refusal", "refusal": "".join(words)}]}),
    ]


def encode_stream(events: Sequence[Event | bytes], *, numbered: bool = True) -> bytes:
    """Spell them as OpenAI does: the type as the event's name too, a number in each."""
    numbers, written = count(), list[bytes]()
    for each in events:
        if isinstance(each, bytes):
            written.append(each)
            continue
        data = {**each, "sequence_number": next(numbers)} if numbered else each
        written.append(b"event: %b\ndata: %b\n\n" % (str(each["type"]).encode(), orjson.dumps(data)))
    return b"".join(written)
