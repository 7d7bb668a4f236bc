"""Read a generation's log again, raw, over each transport, and say what is wrong with it."""

import re
from collections.abc import Sequence

import aiohttp
import orjson

from gateway.protocol.event_stream import EventStreamDecoder

Shown = dict[str, object]
TERMINAL = frozenset({"complete", "interrupted", "error"})
JOINED = frozenset({"chunk", "reasoning"})


async def over_sse(http: aiohttp.ClientSession, address: str, generation_id: str, after: int = 0) -> list[Shown]:
    """Read to the end of the body, which fails if it does not end in order."""
    headers = {"Last-Event-ID": f"{generation_id}:{after}"} if after else {}
    events: list[Shown] = []
    async with http.get(f"{address}/api/generations/{generation_id}/events", headers=headers) as response:
        assert response.status == 200, await response.text()
        for sent in EventStreamDecoder(32 << 20).feed(await response.read()):
            named, _, seq = sent.last_event_id.rpartition(":")
            assert named == generation_id, sent
            event: Shown = orjson.loads(sent.data)
            event.pop("generation_id", None)
            events.append({**event, "seq": int(seq)})
    return events


async def over_websocket(http: aiohttp.ClientSession, address: str, generation_id: str, after: int = 0) -> list[Shown]:
    """Read to the terminal event, then ping: what comes before the pong comes after the end."""
    events: list[Shown] = []
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


def faults_of_log(events: Sequence[Shown]) -> list[str]:
    """Say what no log may have: a hole, a number twice, no terminal event or two, something after it."""
    faults = []
    seq = 0
    for event in events:
        at = event["seq"]
        assert isinstance(at, int)
        if at <= seq or (at != seq + 1 and event["type"] not in JOINED):
            faults.append(f"event {at} ({event['type']}) follows {seq}")
        seq = at
    kinds = [event["type"] for event in events]
    if kinds[:1] != ["accepted"]:
        faults.append(f"begins with {kinds[:1]}")
    ends = [place for place, kind in enumerate(kinds) if kind in TERMINAL]
    if ends != [len(kinds) - 1]:
        faults.append(f"terminal events at {ends} of {len(kinds)}")
    return faults


def joined(events: Sequence[Shown]) -> list[Shown]:
    """Join runs of text: how much of them comes as one event may differ from one reading to the next."""
    whole: list[Shown] = []
    for event in events:
        if whole and event["type"] in JOINED and whole[-1]["type"] == event["type"]:
            whole[-1] = {**event, "content": f"{whole[-1]['content']}{event['content']}"}
        else:
            whole.append(event)
    return whole


def text_of(events: Sequence[Shown]) -> str:
    """Join the text of the newest revision."""
    pieces: list[str] = []
    for event in events:
        if event["type"] == "revision":
            pieces.clear()
        elif event["type"] == "chunk":
            pieces.append(str(event["content"]))
    return "".join(pieces)


def without_settings(model: str) -> str:
    """Give the model that says the same text at once and without a fault."""
    kept = re.sub(r"&?(fault|after|speed|ttft|retry_after)=[^&]*", "", model)
    return f"{kept}&ttft=0&speed=0".replace("?&", "?")


async def text_at_the_source(http: aiohttp.ClientSession, upstream: str, model: str, prompt: str) -> str:
    """Ask the simulator itself, not streamed, for the text that it would say."""
    body = {"model": without_settings(model), "messages": [{"role": "user", "content": prompt}]}
    async with http.post(f"{upstream}/chat/completions", json=body) as response:
        answer = await response.json()
        assert response.status == 200, answer
        text: str = answer["choices"][0]["message"]["content"]
        return text
