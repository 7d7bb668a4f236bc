"""A client for each transport, all with one interface, so that one test suite covers every transport."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from itertools import count

import aiohttp
import orjson

from gateway.client.http_session import MAX_FRAME_BYTES
from gateway.protocol.event_stream import EventStreamDecoder

JsonObject = dict[str, object]
TIMEOUT = 10.0


async def until(condition: Callable[[], object]) -> None:
    """Wait until other tasks and sockets have made a condition true."""
    async with asyncio.timeout(TIMEOUT):
        while not condition():
            await asyncio.sleep(0)


class ViewingClient(ABC):
    """A client that reads one generation; `next` returns its events as JSON objects with `seq`."""

    polls = False
    """It polls: it may be sent joined what comes between two of its requests."""

    def __init__(self, http: aiohttp.ClientSession) -> None:
        self.http = http
        self.generation_id = ""
        self.starts_at: aiohttp.ClientSession | None = None
        """Another gateway, on which it starts, or the same one."""
        self.seen: list[JsonObject] = []

    async def start(self, body: JsonObject) -> None:
        """Start a generation and read it; with `starts_at`, it is started there."""
        if self.starts_at is None:
            await self._start(body)
            return
        async with self.starts_at.post("/api/generations", json=body) as response:
            assert response.status == 201, await response.text()
            generation_id = str((await response.json())["id"])
        await self.attach(generation_id, 0)

    @abstractmethod
    async def _start(self, body: JsonObject) -> None: ...

    @abstractmethod
    async def attach(self, generation_id: str, after: int) -> None: ...

    @abstractmethod
    async def _read(self) -> JsonObject | None:
        """Return the next event, or None at the end of what this transport sends."""

    @abstractmethod
    async def leave(self) -> None: ...

    async def next(self) -> JsonObject | None:
        async with asyncio.timeout(TIMEOUT):
            event = await self._read()
        if event is not None:
            self.seen.append(event)
            self.generation_id = str(event.get("generation_id", self.generation_id))
        return event

    async def until(self, kind: str) -> JsonObject:
        """Read up to the next event of a type, and return that."""
        while (event := await self.next()) is not None:
            if event["type"] == kind:
                return event
        message = f"ended without {kind}"
        raise AssertionError(message)

    async def to_end(self) -> list[JsonObject]:
        """Read up to the terminal event, and check that nothing follows it."""
        while (event := await self.next()) is not None:
            if event["type"] in {"complete", "interrupted", "error"}:
                break
        assert await self.is_over()
        return self.seen

    async def is_over(self) -> bool:
        return await self.next() is None

    @property
    def joins(self) -> bool:
        """It may be sent joined what its gateway receives, or it asks for, at once."""
        return self.polls or self.starts_at is not None

    @property
    def text(self) -> str:
        return "".join(str(event["content"]) for event in self.seen if event["type"] == "chunk")

    async def interrupt(self, generation_id: str) -> JsonObject:
        return await self._post(f"/api/generations/{generation_id}/interrupt", {"reason": "enough"})

    async def feedback(self, generation_id: str, body: JsonObject) -> JsonObject:
        return await self._post(f"/api/generations/{generation_id}/feedback", body)

    async def _post(self, path: str, body: JsonObject) -> JsonObject:
        async with self.http.post(path, json=body) as response:
            answer: JsonObject = await response.json()
            return {"status": response.status, **answer}


class HttpViewer(ViewingClient):
    """Base of the transports that stream over plain HTTP."""

    def __init__(self, http: aiohttp.ClientSession) -> None:
        super().__init__(http)
        self.response: aiohttp.ClientResponse
        self._pending: list[JsonObject] = []

    async def _open(self, method: str, path: str, **options: object) -> None:
        self.response = await self.http.request(method, path, **options)  # type: ignore[arg-type]
        assert self.response.status == 200, await self.response.text()
        self.generation_id = self.response.headers["X-Generation-ID"]

    async def _read(self) -> JsonObject | None:
        while not self._pending:
            read = await self.response.content.readany()
            if not read:
                return None
            self._decode(read)
        return self._pending.pop(0)

    def _decode(self, read: bytes) -> None:
        raise NotImplementedError

    async def leave(self) -> None:
        self.response.close()


class SseViewer(HttpViewer):
    def __init__(self, http: aiohttp.ClientSession) -> None:
        super().__init__(http)
        self._decoder = EventStreamDecoder(MAX_FRAME_BYTES)
        self.heartbeats = 0

    async def _start(self, body: JsonObject) -> None:
        await self._open("POST", "/api/chat/stream", json=body)

    async def attach(self, generation_id: str, after: int) -> None:
        headers = {"Last-Event-ID": f"{generation_id}:{after}"} if after else {}
        await self._open("GET", f"/api/generations/{generation_id}/events", headers=headers)

    def _decode(self, read: bytes) -> None:
        self.heartbeats += read.count(b": hb\n")
        for event in self._decoder.feed(read):
            fields = orjson.loads(event.data)
            generation_id, seq = event.last_event_id.rsplit(":", 1)
            assert generation_id == self.generation_id
            assert event.event == ("message" if fields["type"] == "chunk" else fields["type"])
            self._pending.append({**fields, "seq": int(seq)})


class NdjsonViewer(HttpViewer):
    def __init__(self, http: aiohttp.ClientSession) -> None:
        super().__init__(http)
        self._tail = b""
        self.heartbeats = 0

    async def _start(self, body: JsonObject) -> None:
        await self._open("POST", "/api/chat/ndjson", json=body)

    async def attach(self, generation_id: str, after: int) -> None:
        await self._open("GET", f"/api/generations/{generation_id}/lines?after={after}")

    def _decode(self, read: bytes) -> None:
        *lines, self._tail = (self._tail + read).split(b"\n")
        self.heartbeats += lines.count(b"")
        self._pending += [orjson.loads(line) for line in lines if line]


class WebSocketViewer(ViewingClient):
    def __init__(self, http: aiohttp.ClientSession) -> None:
        super().__init__(http)
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._ids = count(1)
        self._events: list[JsonObject] = []
        self._answers: dict[object, JsonObject] = {}
        self.over = False

    async def connect(self) -> aiohttp.ClientWebSocketResponse:
        if self._socket is None:
            self._socket = await self.http.ws_connect("/api/ws", protocols=["dualstream.v1"])
            assert self._socket.protocol == "dualstream.v1"
        return self._socket

    async def command(self, **fields: object) -> JsonObject:
        socket = await self.connect()
        number = next(self._ids)
        await socket.send_str(orjson.dumps({"id": number, **fields}).decode())
        async with asyncio.timeout(TIMEOUT):
            while number not in self._answers:
                await self._receive()
        return self._answers.pop(number)

    async def _receive(self) -> None:
        assert self._socket is not None
        message = await self._socket.receive()
        assert message.type is aiohttp.WSMsgType.TEXT, (message, self._socket.close_code)
        received = orjson.loads(message.data)
        if received["type"] in {"ack", "rejected", "pong"}:
            self._answers[received["id"]] = received
        else:
            self._events.append(received)
            self.over = received["type"] in {"complete", "interrupted", "error"}

    async def _start(self, body: JsonObject) -> None:
        answer = await self.command(type="start", **body)
        assert answer["type"] == "ack", answer
        self.generation_id = str(answer["generation_id"])

    async def attach(self, generation_id: str, after: int) -> None:
        answer = await self.command(type="attach", generation_id=generation_id, after=after)
        assert answer["type"] == "ack", answer
        self.generation_id = generation_id

    async def _read(self) -> JsonObject | None:
        while not self._events:
            if self.over:
                # A pong right after the terminal event proves that nothing was sent between them.
                assert (await self.command(type="ping"))["type"] == "pong"
                assert not self._events
                return None
            await self._receive()
        event = self._events.pop(0)
        assert event["generation_id"] == self.generation_id
        return event

    async def leave(self) -> None:
        if self._socket is not None:
            await self._socket.close()

    async def interrupt(self, generation_id: str) -> JsonObject:
        return await self.command(type="interrupt", generation_id=generation_id, reason="enough")

    async def feedback(self, generation_id: str, body: JsonObject) -> JsonObject:
        return await self.command(type="feedback", generation_id=generation_id, **body)


class PollViewer(ViewingClient):
    """A client that always has a poll under way, as those of pages have."""

    polls = True

    def __init__(self, http: aiohttp.ClientSession) -> None:
        super().__init__(http)
        self._events: asyncio.Queue[JsonObject | None] = asyncio.Queue()
        self._polling: asyncio.Task[None] | None = None
        self.after: object = 0

    async def _start(self, body: JsonObject) -> None:
        async with self.http.post("/api/generations", json=body) as response:
            assert response.status == 201, await response.text()
            await self.attach((await response.json())["id"], 0)

    async def attach(self, generation_id: str, after: int) -> None:
        self.generation_id, self.after = generation_id, after
        # The first answer shows that the gateway knows this viewer.
        ended = await self._poll(wait=0)
        self._polling = None if ended else asyncio.create_task(self._poll_to_end())

    async def _poll_to_end(self) -> None:
        while not await self._poll():
            pass

    async def _poll(self, **query: object) -> bool:
        parameters = {name: str(value) for name, value in {"after": self.after, **query}.items()}
        async with self.http.get(f"/api/generations/{self.generation_id}/poll", params=parameters) as response:
            assert response.status == 200, await response.text()
            assert response.headers["X-Generation-ID"] == self.generation_id
            assert response.content_length is not None
            answer = await response.json()
        for event in answer["events"]:
            assert event["generation_id"] == self.generation_id
            self._events.put_nowait(event)
        self.after = answer["position"]
        if answer["ended"]:
            self._events.put_nowait(None)
        return bool(answer["ended"])

    async def _read(self) -> JsonObject | None:
        return await self._events.get()

    async def transport(self) -> asyncio.Transport:
        """Return the connection on which it waits, once it does."""
        connector = self.http.connector
        assert connector is not None
        await until(lambda: connector._acquired)
        (protocol,) = connector._acquired
        assert protocol.transport is not None
        return protocol.transport

    async def leave(self) -> None:
        if self._polling is not None:
            self._polling.cancel()
            await asyncio.gather(self._polling, return_exceptions=True)


VIEWERS: dict[str, type[ViewingClient]] = {
    "sse": SseViewer,
    "websocket": WebSocketViewer,
    "ndjson": NdjsonViewer,
    "poll": PollViewer,
}
