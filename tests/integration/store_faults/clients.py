"""Clients of a gateway whose store fails: viewers that come back, and probes that ask again and again."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

import aiohttp
import orjson

from gateway.protocol.event_stream import EventStreamDecoder

PROBE_SECONDS: Final = 0.25
"""Time between two probes."""

ENDS: Final = {"complete", "interrupted", "error"}


@dataclass
class Viewer:
    """Reads a generation by SSE as an `EventSource` does: it comes back with the last position."""

    http: aiohttp.ClientSession
    url: str
    generation_id: str
    began: float
    """When time 0 was, on the clock of this process."""
    text: str = ""
    end: str = ""
    ended_at: float = 0.0
    times: list[float] = field(default_factory=list)
    """When text came."""
    connections: int = 0
    problems: list[str] = field(default_factory=list)
    _position: str = ""
    _seq: int = 0

    @property
    def longest_pause(self) -> tuple[float, float]:
        """Return the two moments between which no text came for the longest time."""
        return max(zip(self.times, self.times[1:], strict=False), key=lambda pair: pair[1] - pair[0], default=(0, 0))

    async def run(self, delay: float = 0.0) -> None:
        """Read to the end, `delay` seconds from now."""
        await asyncio.sleep(delay)
        while not self.end:
            self.connections += 1
            retry = 0.5
            headers = {"Accept": "text/event-stream"}
            if self._position:
                headers["Last-Event-ID"] = self._position
            try:
                path = f"{self.url}/api/generations/{self.generation_id}/events"
                async with self.http.get(path, headers=headers) as response:
                    if response.status != 200:
                        self.problems.append(f"an EventSource stops for ever at status {response.status}")
                        return
                    retry = await self._read(response)
            except aiohttp.ClientError:
                pass
            if not self.end:
                await asyncio.sleep(retry)

    async def _read(self, response: aiohttp.ClientResponse) -> float:
        decoder, retry = EventStreamDecoder(), 0.5
        async for data in response.content.iter_any():
            for event in decoder.feed(data):
                if event.event == "rejected":
                    retry = orjson.loads(event.data)["retry_after_ms"] / 1000
                else:
                    self._on_event(event.event or "message", event.last_event_id, orjson.loads(event.data))
        return retry

    def _on_event(self, kind: str, position: str, event: dict[str, object]) -> None:
        now = time.monotonic() - self.began
        seq = int(position.rpartition(":")[2])
        if seq <= self._seq:
            self.problems.append(f"event {seq} after {self._seq}")
        self._position, self._seq = position, seq
        if kind == "message":
            self.text += str(event["content"])
            self.times.append(now)
        elif kind == "gap":
            self.text = str(event["text"])
        elif kind in ENDS:
            self.end = f"error {event['code']}" if kind == "error" else kind
            self.ended_at = now


@dataclass
class Probe:
    """Asks something again and again, and keeps what was answered when, and how long it took."""

    ask: Callable[[], Awaitable[str]]
    began: float
    answers: list[tuple[float, float, str]] = field(default_factory=list)
    """Moment of the question, seconds until the answer, and the answer."""

    async def run(self) -> None:
        """Ask until the task is cancelled."""
        while True:
            asked = time.monotonic()
            try:
                answer = await self.ask()
            except aiohttp.ClientError as error:
                answer = type(error).__name__
            self.answers.append((asked - self.began, time.monotonic() - asked, answer))
            await asyncio.sleep(PROBE_SECONDS)

    @property
    def slowest(self) -> float:
        """Return the longest time until an answer."""
        return max((seconds for _, seconds, _ in self.answers), default=0)

    def phases(self) -> str:
        """Return the answers in order: `201; from 1.2 s 503 server_error; from 3.4 s 201`."""
        found = list[str]()
        former = ""
        for at, seconds, answer in self.answers:
            if answer != former:
                found.append(f"from {at + seconds:.1f} s {answer}" if former else answer)
                former = answer
        return "; ".join(found)


async def described(response: aiohttp.ClientResponse) -> str:
    """Return the status of a response, and the code of its refusal."""
    body = await response.read()
    if response.status < 400:
        return str(response.status)
    try:
        refused = orjson.loads(body)
        return f"{response.status} {refused['error']['code']}" if "error" in refused else str(response.status)
    except orjson.JSONDecodeError:
        return str(response.status)
