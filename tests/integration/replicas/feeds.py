"""Clients that read streams of a gateway, each over one connection: raw ones, which tolerate nothing, and our own."""

import asyncio
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Literal, get_args

import aiohttp
import orjson

from gateway.client import Answer, Client, Retries, TransportName
from gateway.protocol.errors import Failed, Refused
from gateway.protocol.event_stream import EventStreamDecoder, ServerSentEvent
from gateway.protocol.events import encode
from tests.integration.replicas.transcript import JsonObject

Kind = Literal["GET SSE", "POST SSE", "WebSocket", "poll", "client sse", "client ws", "client poll"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
_TRANSPORTS: Final[Mapping[Kind, TransportName]] = {"client sse": "sse", "client ws": "ws", "client poll": "poll"}

RETRIES: Final = Retries(resume_failures=40, start_failures=20, cap_s=1.0)
"""A gateway that has died is noticed after five seconds: a client must not give up before."""


class Broken(Exception):
    """The connection can't be used any more, or the gateway refuses for now: come back."""


class Unreadable(Exception):
    """The gateway refuses for good."""


@dataclass(frozen=True, slots=True)
class Start:
    """A start. `key` is its idempotency key, which every attempt has."""

    prompt: str
    model: str
    key: str

    @property
    def body(self) -> JsonObject:
        """Return the body of a POST."""
        return {"messages": [{"role": "user", "content": self.prompt}], "model": self.model}


class Feed(ABC):
    """One connection that reads a generation."""

    generation_id = ""

    @abstractmethod
    async def next(self) -> JsonObject | None:
        """Return the next event; None if the connection has ended cleanly.

        Raises:
            Broken: it has not.
            Unreadable: the gateway refuses for good.
        """

    @abstractmethod
    async def close(self) -> None:
        """Close the connection."""


class Clients:
    """Opens feeds. Use it in `async with`."""

    def __init__(self) -> None:
        # A connection for each request, so that a proxy assigns each anew.
        connector = aiohttp.TCPConnector(limit=0, force_close=True)
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=60)
        self.http = aiohttp.ClientSession(connector=connector, timeout=timeout)
        self._clients: dict[tuple[str, TransportName], Client] = {}

    async def __aenter__(self) -> "Clients":
        return self

    async def __aexit__(self, *_: object) -> None:
        for client in self._clients.values():
            await client.aclose()
        await self.http.close()

    async def start(self, kind: Kind, address: str, start: Start) -> Feed:
        """Start a generation.

        Raises:
            Broken: the start may have been lost.
            Unreadable: the gateway refuses it.
        """
        headers = {"Idempotency-Key": start.key}
        with _translated():
            if kind in _TRANSPORTS:
                client = self._client(address, _TRANSPORTS[kind])
                answer = await client.start(start.prompt, model=start.model, idempotency_key=start.key)
                return ClientFeed(answer)
            if kind == "WebSocket":
                socket = await self.http.ws_connect(f"{address}/api/ws", protocols=["dualstream.v1"])
                return await SocketFeed(socket).send({"type": "start", "idempotency_key": start.key, **start.body})
            if kind == "GET SSE":
                query = {"prompt": start.prompt, "model": start.model}
                return await self._open(kind, f"{address}/api/chat/stream", query=query)
            if kind == "poll":
                async with self.http.post(f"{address}/api/generations", json=start.body, headers=headers) as response:
                    await _check(response, 201)
                    return PollFeed(self.http, address, (await response.json())["id"], 0)
            response = await self.http.post(f"{address}/api/chat/stream", json=start.body, headers=headers)
            return await _feed(response)

    async def attach(self, kind: Kind, address: str, start: Start, generation_id: str, after: int) -> Feed:
        """Read the generation of a start after an event. Raises the errors of `start`."""
        path = f"{address}/api/generations/{generation_id}"
        with _translated():
            if kind in _TRANSPORTS:
                return ClientFeed(self._client(address, _TRANSPORTS[kind]).attach(generation_id, after=after))
            if kind == "WebSocket":
                socket = await self.http.ws_connect(f"{address}/api/ws", protocols=["dualstream.v1"])
                return await SocketFeed(socket).send({"type": "attach", "generation_id": generation_id, "after": after})
            if kind == "poll":
                return PollFeed(self.http, address, generation_id, after)
            if not after:
                return await self._open(kind, f"{path}/events")
            headers = {"Last-Event-ID": f"{generation_id}:{after}"}
            if kind == "GET SSE":
                # As EventSource does: the request of the start again, with a position.
                query = {"prompt": start.prompt, "model": start.model}
                return await self._open(kind, f"{address}/api/chat/stream", query=query, headers=headers)
            return await self._open(kind, f"{path}/events", headers=headers)

    async def _open(
        self, kind: Kind, url: str, query: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> Feed:
        accept = {"Accept": "text/event-stream"} if kind == "GET SSE" else {}
        return await _feed(await self.http.get(url, params=query, headers={**accept, **(headers or {})}))

    def _client(self, address: str, transport: TransportName) -> Client:
        client = self._clients.get((address, transport))
        if client is None:
            client = self._clients[address, transport] = Client(address, transport=transport, retries=RETRIES)
        return client


async def _feed(response: aiohttp.ClientResponse) -> Feed:
    await _check(response, 200)
    return EventsFeed(response)


class EventsFeed(Feed):
    """A text/event-stream, the body of one response."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.generation_id = response.headers.get("X-Generation-ID", "")
        self._response = response
        self._decoder = EventStreamDecoder(32 << 20)
        self._pending: deque[JsonObject] = deque()

    async def next(self) -> JsonObject | None:
        """Implement `Feed.next`."""
        with _translated():
            while not self._pending:
                read = await self._response.content.readany()
                if not read:
                    return None
                self._pending.extend(map(decode_event, self._decoder.feed(read)))
        return self._pending.popleft()

    async def close(self) -> None:
        """Implement `Feed.close`."""
        self._response.close()


def decode_event(sent: ServerSentEvent) -> JsonObject:
    """Return an event as the object that the other transports send.

    Raises:
        Broken: it is a refusal for now.
        Unreadable: it is one for good.
    """
    fields: JsonObject = orjson.loads(sent.data)
    if fields["type"] == "rejected":
        raise Broken(str(fields))
    named, _, seq = sent.last_event_id.rpartition(":")
    if not seq.isdecimal():
        # A refusal that a browser's EventSource understands.
        raise Unreadable(str(fields))
    return {**fields, "seq": int(seq), "generation_id": named}


class SocketFeed(Feed):
    """A WebSocket for one generation."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._pending: deque[JsonObject] = deque()

    async def send(self, command: JsonObject) -> Feed:
        """Send the first command, and wait until it is acknowledged."""
        try:
            await self._socket.send_str(orjson.dumps({**command, "id": 1}).decode())
            while not self.generation_id:
                await self._receive()
        except BaseException:
            await self.close()
            raise
        return self

    async def next(self) -> JsonObject | None:
        """Implement `Feed.next`."""
        with _translated():
            while not self._pending:
                await self._receive()
        return self._pending.popleft()

    async def close(self) -> None:
        """Implement `Feed.close`."""
        await self._socket.close()

    async def _receive(self) -> None:
        message = await self._socket.receive()
        if message.type is not aiohttp.WSMsgType.TEXT:
            reason = f"closed with {self._socket.close_code}"
            raise Broken(reason)
        received: JsonObject = orjson.loads(message.data)
        if received["type"] == "rejected":
            raise _refusal(bool(received["retryable"]), str(received))
        if received["type"] == "ack":
            self.generation_id = str(received["generation_id"])
        elif "seq" in received:
            self._pending.append(received)


class PollFeed(Feed):
    """Long polls, each a request that a proxy may send to another gateway."""

    def __init__(self, http: aiohttp.ClientSession, address: str, generation_id: str, after: int) -> None:
        self.generation_id = generation_id
        self._http = http
        self._url = f"{address}/api/generations/{generation_id}/poll"
        self._position = f"{generation_id}:{after}"
        self._pending: deque[JsonObject] = deque()
        self._ended = False

    async def next(self) -> JsonObject | None:
        """Implement `Feed.next`."""
        while not self._pending:
            if self._ended:
                return None
            with _translated():
                async with self._http.get(self._url, params={"after": self._position, "wait": "10"}) as response:
                    await _check(response, 200)
                    answer = await response.json()
            self._pending.extend(answer["events"])
            self._position, self._ended = answer["position"], answer["ended"]
        return self._pending.popleft()

    async def close(self) -> None:
        """Implement `Feed.close`: a poll ends when its request is cancelled."""


class ClientFeed(Feed):
    """An answer of our Python client, which reconnects by itself."""

    def __init__(self, answer: Answer) -> None:
        self.generation_id = answer.id
        self._answer = answer

    async def next(self) -> JsonObject | None:
        """Implement `Feed.next`."""
        with _translated():
            event = await self._answer.next_event()
        if event is None:
            return None
        return {**orjson.loads(encode(event)), "seq": self._answer.seq, "generation_id": self._answer.id}

    async def close(self) -> None:
        """Implement `Feed.close`."""
        await self._answer.aclose()


async def _check(response: aiohttp.ClientResponse, status: int) -> None:
    if response.status != status:
        text = f"{response.status} {(await response.text())[:300]}"
        response.close()
        raise _refusal(response.status in {429, 500, 502, 503, 504}, text)


def _refusal(is_retryable: bool, text: str) -> Exception:
    return Broken(text) if is_retryable else Unreadable(text)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except Refused as refused:
        raise _refusal(refused.retryable, f"{refused.code}: {refused.message}") from refused
    except (Failed, aiohttp.ClientError, ConnectionError, asyncio.IncompleteReadError) as error:
        raise Broken(repr(error)) from error
