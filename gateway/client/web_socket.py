"""The WebSocket transport: events and commands on one socket, one socket per answer."""

import asyncio
from collections import deque
from itertools import count

import aiohttp
import orjson

from gateway.client.connectors import CommandName, EventFeed, HttpCommands
from gateway.client.event_decoder import decode
from gateway.client.frames import ConnectionLost, Frame, JsonMap, error_of_close, read_object, refusal
from gateway.client.http_session import HttpSession, translate_errors
from gateway.protocol.errors import Refused
from gateway.protocol.events import Complete, Error, Interrupted

MAX_BUFFERED_FRAMES = 1024
"""Maximum frames read ahead. The socket is then not read, so that the gateway's viewer falls behind and merges."""

_TERMINAL_STATES = {Complete.type, Interrupted.type, Error.type}


class WebSocketConnector:
    """Opens generations over WebSocket."""

    def __init__(self, http: HttpSession) -> None:
        self._http = http

    async def start(self, body: JsonMap, idempotency_key: str) -> EventFeed:
        """Implement `Connector.start`, on a new socket."""
        return await self._open({"type": "start", **body, "idempotency_key": idempotency_key}, 0)

    async def attach(self, generation_id: str, after: int, coalesce_ms: int | None = None) -> EventFeed:
        """Implement `Connector.attach`, on a new socket."""
        asked = {} if coalesce_ms is None else {"coalesce_ms": coalesce_ms}
        return await self._open({"type": "attach", "generation_id": generation_id, "after": after, **asked}, after)

    async def _open(self, first_command: JsonMap, after: int) -> EventFeed:
        feed = WebSocketFeed(await self._http.open_socket("api/ws"), self._http)
        try:
            feed.read_ack(await feed.send_command(first_command), after)
        except BaseException:
            await feed.aclose()
            raise
        return feed


class WebSocketFeed:
    """One socket and the task that reads it. Events are buffered for `next`; replies go to their commands by id."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, http: HttpSession) -> None:
        self._socket = socket
        self._url = http.url
        self._commands = HttpCommands(http)
        self._reply_s = http.idle_s
        self._ids = count(1)
        self._replies: dict[int, asyncio.Future[JsonMap]] = {}
        self._frames: deque[Frame] = deque()
        self._at_end = False
        self._error: ConnectionLost | Refused | None = None
        self._arrived = asyncio.Event()
        self._may_read = asyncio.Event()
        self._reader = asyncio.create_task(self._read(), name="dualstream client socket")

    def read_ack(self, ack: JsonMap, after: int) -> None:
        """Read from the first `ack` whether events follow: `after` may be the end of a finished generation."""
        last = ack.get("seq")
        self._at_end = ack.get("state") in _TERMINAL_STATES and isinstance(last, int) and last <= after

    async def next(self) -> Frame | None:
        """Implement `EventFeed.next`.

        Raises:
            ConnectionLost: if the socket was closed.
            Refused: if the gateway closed it with one of its own codes.
        """
        while not self._frames:
            if self._at_end:
                return None
            if self._error is not None:
                raise self._error
            self._arrived.clear()
            await self._arrived.wait()
        self._may_read.set()
        return self._frames.popleft()

    async def command(self, generation_id: str, name: CommandName, fields: JsonMap) -> JsonMap:
        """Implement `Commands.command`: on the socket, or by POST if it has closed."""
        if self._error is not None:
            return await self._commands.command(generation_id, name, fields)
        return await self.send_command({"type": name, "generation_id": generation_id, **fields})

    async def send_command(self, command: JsonMap) -> JsonMap:
        """Send a command and return its `ack`.

        Raises:
            Refused: if it was rejected.
            ConnectionLost: if the socket closed, or no reply came in time.
        """
        command_id = next(self._ids)
        reply = asyncio.get_running_loop().create_future()
        self._replies[command_id] = reply
        self._may_read.set()  # the reply may be behind more events than the buffer holds
        try:
            with translate_errors(self._url):
                async with asyncio.timeout(self._reply_s):
                    if self._error is not None:
                        raise self._error
                    await self._socket.send_str(orjson.dumps({**command, "id": command_id}).decode())
                    message: JsonMap = await reply
        finally:
            del self._replies[command_id]
        if message.get("type") == "rejected":
            raise refusal(message)
        return message

    async def aclose(self) -> None:
        """Close the socket and end the task that reads it."""
        self._fail(ConnectionLost("the socket was closed by this client"))
        self._reader.cancel()
        try:
            await asyncio.wait([self._reader])
        finally:
            await self._socket.close()

    async def _read(self) -> None:
        try:
            async for message in self._socket:
                if message.type is not aiohttp.WSMsgType.TEXT:
                    self._fail(ConnectionLost("received a binary message"))
                    return
                self._receive(read_object(message.data))
                # Waiting here while a command waits for its reply would be a deadlock: the reply is behind the events.
                while len(self._frames) >= MAX_BUFFERED_FRAMES and not self._replies:
                    self._may_read.clear()
                    await self._may_read.wait()
        except ConnectionLost as error:
            self._fail(error)
            return
        self._fail(error_of_close(self._socket.close_code, f"the connection to {self._url} was lost"))

    def _receive(self, fields: JsonMap) -> None:
        if fields.get("type") in {"ack", "rejected"}:
            command_id = fields.get("id")
            reply = self._replies.get(command_id) if isinstance(command_id, int) else None
            if reply is not None and not reply.done():
                reply.set_result(fields)
            return
        generation_id, seq = fields.get("generation_id"), fields.get("seq")
        if isinstance(generation_id, str) and isinstance(seq, int):
            self._frames.append(Frame(generation_id, seq, decode(fields)))
            self._arrived.set()

    def _fail(self, error: ConnectionLost | Refused) -> None:
        # The first error is the cause; those that follow from closing are not.
        if self._error is None:
            self._error = error
        for reply in self._replies.values():
            if not reply.done():
                reply.set_exception(self._error)
        self._arrived.set()
