"""Inboxes in Redis: a Stream for each gateway, with one blocking read of its own.

https://redis.io/docs/latest/commands/xread/
"""

from collections.abc import Sequence
from typing import Final

from redis.exceptions import ResponseError

from gateway.clock import Clock
from gateway.store.errors import StoreError
from gateway.store.redis.calls import Call, Command, ScriptCall
from gateway.store.redis.client import RedisClient
from gateway.store.redis.errors import translate
from gateway.store.redis.keys import Keys
from gateway.store.redis.node import BlockingConnection
from gateway.store.redis.replies import Argument, Reply, as_bytes, as_list
from gateway.store.redis.scripts import load_script

MAX_MESSAGES: Final = 10_000
"""Maximum number of unread messages, about. A gateway that reads so slowly reads the logs without being woken."""

KEPT_MS: Final = 60_000
"""How long an inbox is kept after it was read last, in milliseconds."""

BLOCK_SECONDS: Final = 2.0
"""How long a read waits: after this and the time limit of a call, a connection that is dead is noticed."""

TRIM_SECONDS: Final = 1.0
"""Time between two deletions of what was read."""

_SEND: Final = load_script("send")
_BEGIN: Final = b"0-0"


class RedisMessages:
    """The inboxes of gateways."""

    def __init__(self, client: RedisClient, keys: Keys, clock: Clock) -> None:
        self._client = client
        self._keys = keys
        self._clock = clock
        self._read: dict[str, _Inbox] = {}

    async def send(self, messages: Sequence[tuple[str, bytes]]) -> None:
        """Append messages to the inboxes of gateways; each pair is a gateway and a message."""
        await self._client.run_all(self.calls(messages))

    def calls(self, messages: Sequence[tuple[str, bytes]]) -> Sequence[Call]:
        """Return the calls that append messages: one for each inbox."""
        by_replica = dict[str, list[bytes]]()
        for replica, message in messages:
            by_replica.setdefault(replica, []).append(message)
        limits = (MAX_MESSAGES, KEPT_MS)
        return [ScriptCall(_SEND, (self._keys.inbox(name),), (*limits, *some)) for name, some in by_replica.items()]

    async def receive(self, replica: str) -> Sequence[bytes]:
        """Return the next messages of an inbox, at least one; wait until there is one. One caller at a time."""
        inbox = self._read.get(replica)
        if inbox is None:
            inbox = self._read[replica] = _Inbox(self._client, self._keys.inbox(replica), self._clock)
        return await inbox.receive()

    async def forget(self, replica: str) -> None:
        """Delete the inbox of a gateway that has left."""
        inbox = self._read.pop(replica, None)
        if inbox is not None:
            await inbox.close()
        key = self._keys.inbox(replica)
        await self._client.call(Command(key, ("UNLINK", key)))

    async def close(self) -> None:
        """Close the connections that wait."""
        for inbox in self._read.values():
            await inbox.close()


class _Inbox:
    """The inbox of one gateway. What was read is deleted from time to time, together with a read."""

    def __init__(self, client: RedisClient, key: str, clock: Clock) -> None:
        self._client = client
        self._key = key
        self._clock = clock
        self._next_trim = 0.0
        self._connection: BlockingConnection | None = None
        self._last = _BEGIN
        """Id of the last message that was read."""

    async def receive(self) -> Sequence[bytes]:
        """Return the next messages, at least one.

        Raises:
            StoreError: the inbox can't be read.
        """
        try:
            connection = self._connection or await self._open()
            while True:
                if messages := await self._read(connection):
                    return messages
        except BaseException:
            # A failure, or cancelled in the middle of a reply.
            await self.close()
            raise

    async def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            connection, self._connection = self._connection, None
            connection.close()

    async def _open(self) -> BlockingConnection:
        connection = self._connection = await self._client.open_apart(self._key)
        # A server that has lost its data may number messages from an earlier time on.
        (reply,) = await connection.execute(("XINFO", "STREAM", self._key))
        if isinstance(reply, ResponseError):
            if "no such key" not in str(reply):
                raise self._failed(reply)
            self._last = _BEGIN
        elif _order(_last_generated(as_list(reply))) < _order(self._last):
            self._last = _BEGIN
        return connection

    async def _read(self, connection: BlockingConnection) -> Sequence[bytes]:
        read = ("XREAD", "COUNT", 1000, "BLOCK", int(BLOCK_SECONDS * 1000), "STREAMS", self._key, self._last)
        commands: list[Sequence[Argument]] = [read]
        if self._clock.now() >= self._next_trim:
            self._next_trim = self._clock.now() + TRIM_SECONDS
            commands[:0] = [("XTRIM", self._key, "MINID", _after(self._last)), ("PEXPIRE", self._key, KEPT_MS)]
        *_, reply = await connection.execute(*commands, seconds=BLOCK_SECONDS)
        if isinstance(reply, ResponseError):
            raise self._failed(reply)
        messages = list[bytes]()
        for stream in as_list(reply):
            for item in as_list(as_list(stream)[1]):
                self._last, fields = as_bytes(as_list(item)[0]), as_list(as_list(item)[1])
                messages.append(as_bytes(fields[1]))
        return messages

    def _failed(self, error: ResponseError) -> StoreError:
        # Its slot may be on another node now.
        self._client.topology.on_failure()
        return translate(error, "its inbox")


def _last_generated(fields: Sequence[Reply]) -> bytes:
    pairs = dict(zip(map(as_bytes, fields[::2]), fields[1::2], strict=True))
    return as_bytes(pairs[b"last-generated-id"])


def _order(stream_id: bytes) -> tuple[int, int]:
    milliseconds, _, number = stream_id.partition(b"-")
    return int(milliseconds), int(number)


def _after(stream_id: bytes) -> str:
    milliseconds, number = _order(stream_id)
    return f"{milliseconds}-{number + 1}"
