"""Read a generation's log again over each transport, without our client, and check it."""

import re
from collections.abc import Sequence

import aiohttp
import orjson

from gateway.protocol.event_stream import EventStreamDecoder

JsonObject = dict[str, object]
TERMINAL = frozenset({"complete", "interrupted", "error"})
TEXT = {"chunk": "content", "reasoning": "content", "tool_call": "arguments"}
"""Events of which adjacent ones may be joined, and the field that is joined."""


async def read_over_sse(
    http: aiohttp.ClientSession, address: str, generation_id: str, after: int = 0
) -> list[JsonObject]:
    """Read to the end of the body; raise if it does not end cleanly."""
    headers = {"Last-Event-ID": f"{generation_id}:{after}"} if after else {}
    events: list[JsonObject] = []
    async with http.get(f"{address}/api/generations/{generation_id}/events", headers=headers) as response:
        assert response.status == 200, await response.text()
        for sent in EventStreamDecoder(32 << 20).feed(await response.read()):
            named, _, seq = sent.last_event_id.rpartition(":")
            assert named == generation_id, sent
            event: JsonObject = orjson.loads(sent.data)
            event.pop("generation_id", None)
            events.append({**event, "seq": int(seq)})
    return events


async def read_over_websocket(
    http: aiohttp.ClientSession, address: str, generation_id: str, after: int = 0
) -> list[JsonObject]:
    """Read to the terminal event, then send a ping: events before the pong would follow the terminal event."""
    events: list[JsonObject] = []
    async with http.ws_connect(f"{address}/api/ws", max_msg_size=32 << 20) as socket:
        await socket.send_json({"type": "attach", "id": 1, "generation_id": generation_id, "after": after})
        while (message := await socket.receive_json())["type"] != "pong":
            assert message["type"] != "rejected", message
            if message["type"] == "ack":
                continue
            assert message.pop("generation_id") == generation_id
            events.append(message)
            if message["type"] in TERMINAL:
                await socket.send_json({"type": "ping", "id": 2})
    return events


def log_problems(events: Sequence[JsonObject]) -> list[str]:
    """Return what is wrong in a log: a gap, a duplicate, none or several terminal events, an event after it."""
    problems = []
    seq = 0
    for event in events:
        at = event["seq"]
        assert isinstance(at, int)
        if at <= seq or (at != seq + 1 and event["type"] not in TEXT):
            problems.append(f"event {at} ({event['type']}) follows {seq}")
        seq = at
    kinds = [event["type"] for event in events]
    if kinds[:1] != ["accepted"]:
        problems.append(f"begins with {kinds[:1]}")
    ends = [index for index, kind in enumerate(kinds) if kind in TERMINAL]
    if ends != [len(kinds) - 1]:
        problems.append(f"terminal events at {ends} of {len(kinds)}")
    return problems


def merge_text(events: Sequence[JsonObject]) -> list[JsonObject]:
    """Join adjacent text events: where the text is divided may differ between two readers."""
    merged: list[JsonObject] = []
    for event in events:
        last = merged[-1] if merged else {}
        name = TEXT.get(str(event["type"]))
        # Of a tool call, each delta has the index; only the first one has the id and the name.
        if name and (last.get("type"), last.get("index")) == (event["type"], event.get("index")):
            merged[-1] = {**last, "seq": event["seq"], name: f"{last[name]}{event[name]}"}
        else:
            merged.append(event)
    return merged


def text_of(events: Sequence[JsonObject]) -> str:
    """Return the text of the newest revision."""
    pieces: list[str] = []
    for event in events:
        if event["type"] == "revision":
            pieces.clear()
        elif event["type"] == "chunk":
            pieces.append(str(event["content"]))
    return "".join(pieces)


def without_faults(model: str) -> str:
    """Return the model without faults and delays, with the same text."""
    kept = re.sub(r"&?(fault|after|speed|ttft|retry_after)=[^&]*", "", model)
    return f"{kept}&ttft=0&speed=0".replace("?&", "?")


async def expected_text(http: aiohttp.ClientSession, upstream: str, model: str, prompt: str) -> str:
    """Return the text that the simulator would stream: request it directly, without a stream."""
    body = {"model": without_faults(model), "messages": [{"role": "user", "content": prompt}]}
    async with http.post(f"{upstream}/chat/completions", json=body) as response:
        answer = await response.json()
        assert response.status == 200, answer
        text: str = answer["choices"][0]["message"]["content"]
        return text
