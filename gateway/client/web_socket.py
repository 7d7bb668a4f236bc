"""WebSocket: events and commands on one socket, one socket for each answer."""

import asyncio
from collections import deque
from itertools import count

import aiohttp
import orjson
from yarl import URL

from gateway.client.connectors import LONGEST_FRAME, CommandName, EventFeed, HttpCommands, foreign_errors
from gateway.client.frames import (
    ConnectionLost,
    Frame,
    JsonMap,
    decode,
    ending_of_close,
    read_object,
    refusal,
    refusal_of_answer,
)
from gateway.protocol.errors import Refused
from gateway.protocol.events import Complete, Error, Interrupted

HELD_FRAMES = 1024
"""Frames read ahead of the reader; at this number the socket is not read, so that the gateway's viewer falls behind."""

CLOSE_S = 1.0
"""Seconds for the other side to answer a close."""


_ENDS = {Complete.type, Interrupted.type, Error.type}


class WebSocketConnector:
    """Generations over WebSocket. `idle_s` bounds the seconds in which nothing comes, pongs included."""

    def __init__(self, session: aiohttp.ClientSession, base: URL, posts: HttpCommands, *, idle_s: float) -> None:
        self._session = session
        self._base = base
        self._posts = posts
        self._idle_s = idle_s

    async def start(self, body: JsonMap, idempotency_key: str) -> EventFeed:
        """Start on a socket of its own; as `Link.start`."""
        return await self._open({"type": "start", **body, "idempotency_key": idempotency_key}, 0)

    async def attach(self, generation_id: str, after: int) -> EventFeed:
        """Attach on a socket of its own; as `Link.attach`."""
        return await self._open({"type": "attach", "generation_id": generation_id, "after": after}, after)

    async def _open(self, first: JsonMap, after: int) -> EventFeed:
        with foreign_errors(self._base):
            try:
                socket = await self._session.ws_connect(
                    self._base / "api/ws",
                    protocols=("dualstream.v1",),
                    # A ping after two thirds without a word, a third for its pong.
                    heartbeat=self._idle_s * 2 / 3,
                    max_msg_size=LONGEST_FRAME,
                    timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_S),
                )
            except aiohttp.WSServerHandshakeError as error:
                retry_after = error.headers.get("Retry-After") if error.headers else None
                raise refusal_of_answer(error.status, b"", retry_after) from error
        feed = WebSocketFeed(socket, self._base, self._posts, reply_s=self._idle_s)
        try:
            feed.expect(await feed.ask(first), after)
        except BaseException:
            await feed.aclose()
            raise
        return feed


class WebSocketFeed:
    """One socket and the task that reads it: events wait here for the reader, replies go to whoever asked."""

    def __init__(
        self, socket: aiohttp.ClientWebSocketResponse, base: URL, posts: HttpCommands, *, reply_s: float
    ) -> None:
        self._socket = socket
        self._base = base
        self._posts = posts
        self._reply_s = reply_s
        self._ids = count(1)
        self._replies: dict[int, asyncio.Future[JsonMap]] = {}
        self._frames: deque[Frame] = deque()
        self._nothing_follows = False
        self._ending: ConnectionLost | Refused | None = None
        self._arrived = asyncio.Event()
        self._room = asyncio.Event()
        self._reading = asyncio.create_task(self._read(), name="dualstream client socket")

    def expect(self, ack: JsonMap, after: int) -> None:
        """Learn from the first `ack` whether anything follows: a finished generation may have been seen to its end."""
        last = ack.get("seq")
        self._nothing_follows = ack.get("state") in _ENDS and isinstance(last, int) and last <= after

    async def next(self) -> Frame | None:
        """Wait for the next frame; as `EventFeed.next`.

        Raises:
            CutError: when the socket closed.
            Refused: when the gateway closed it with a code of its own.
        """
        while not self._frames:
            if self._nothing_follows:
                return None
            if self._ending is not None:
                raise self._ending
            self._arrived.clear()
            await self._arrived.wait()
        self._room.set()
        return self._frames.popleft()

    async def command(self, generation_id: str, name: CommandName, fields: JsonMap) -> JsonMap:
        """Send a command on the socket, or by POST if it has closed; as `Commands.command`."""
        if self._ending is not None:
            return await self._posts.command(generation_id, name, fields)
        return await self.ask({"type": name, "generation_id": generation_id, **fields})

    async def ask(self, command: JsonMap) -> JsonMap:
        """Send a command and wait for its `ack`.

        Raises:
            Refused: when it is rejected.
            CutError: when the socket closed, or no reply came.
        """
        command_id = next(self._ids)
        reply = asyncio.get_running_loop().create_future()
        self._replies[command_id] = reply
        self._room.set()  # a reply may stand behind more events than are held
        try:
            with foreign_errors(self._base):
                async with asyncio.timeout(self._reply_s):
                    if self._ending is not None:
                        raise self._ending
                    await self._socket.send_str(orjson.dumps({**command, "id": command_id}).decode())
                    answered: JsonMap = await reply
        finally:
            del self._replies[command_id]
        if answered.get("type") == "rejected":
            raise refusal(answered)
        return answered

    async def aclose(self) -> None:
        """Close the socket and end its reader."""
        self._end(ConnectionLost("the socket was closed by this side"))
        self._reading.cancel()
        try:
            await asyncio.wait([self._reading])
        finally:
            await self._socket.close()

    async def _read(self) -> None:
        try:
            async for message in self._socket:
                if message.type is not aiohttp.WSMsgType.TEXT:
                    self._end(ConnectionLost("a binary message came"))
                    return
                self._take(read_object(message.data))
                while len(self._frames) >= HELD_FRAMES and not self._replies:
                    self._room.clear()
                    await self._room.wait()
        except ConnectionLost as error:
            self._end(error)
            return
        self._end(ending_of_close(self._socket.close_code, f"the connection to {self._base} was cut"))

    def _take(self, fields: JsonMap) -> None:
        if fields.get("type") in {"ack", "rejected"}:
            asked = fields.get("id")
            reply = self._replies.get(asked) if isinstance(asked, int) else None
            if reply is not None and not reply.done():
                reply.set_result(fields)
            return
        generation_id, seq = fields.get("generation_id"), fields.get("seq")
        if isinstance(generation_id, str) and isinstance(seq, int):
            self._frames.append(Frame(generation_id, seq, decode(fields)))
            self._arrived.set()

    def _end(self, ending: ConnectionLost | Refused) -> None:
        if self._ending is None:
            self._ending = ending
        for reply in self._replies.values():
            if not reply.done():
                reply.set_exception(self._ending)
        self._arrived.set()
