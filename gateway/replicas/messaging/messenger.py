"""Messages between this gateway and the others: one inbox, read by one blocking call, and calls that are replied to."""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from itertools import count
from typing import Final, Protocol

from pydantic import JsonValue

from gateway.clock import Clock, time_limit
from gateway.log_fields import log_fields
from gateway.protocol.errors import Code, Refused
from gateway.replicas.messaging.messages import (
    Call,
    Configured,
    Refusal,
    Reply,
    SlotsChanged,
    Wake,
    Watch,
    Watching,
    decode_message,
    encode_message,
)
from gateway.replicas.policy import REPLY_SECONDS
from gateway.store.errors import StoreError
from gateway.store.messages import Messages

logger = logging.getLogger(__name__)

RETRY_SECONDS: Final = 0.5
"""Longest time after which the inbox is read again, when the store has failed."""

Result = Mapping[str, JsonValue]


class Receiver(Protocol):
    """Acts on the messages that come. Nothing here waits for the store, except the action of a call."""

    def on_wake(self, wake: Wake) -> None:
        """Read generations of other gateways."""
        ...

    def on_watch(self, watch: Watch) -> None:
        """Count a gateway that has viewers of a generation of this one, or has none any more."""
        ...

    def on_configured(self, configured: Configured) -> None:
        """Compare the settings of another gateway with those of this one."""
        ...

    def on_store_error(self, error: StoreError) -> None:
        """Act on messages that were not sent: those about viewers must be sent again."""
        ...

    def on_slots_changed(self) -> None:
        """Read the claims of slots, which another gateway has granted or evicted."""
        ...

    def on_watching(self, watching: Watching) -> None:
        """Count what a gateway views of the generations of this one, and nothing else."""
        ...

    async def on_call(self, call: Call) -> Result:
        """Do what another gateway asks for.

        Raises:
            Refused: it is refused; the other gateway passes that on to its client.
            StoreError: there is no answer.
        """
        ...


class PendingCall:
    """A command that was sent."""

    def __init__(self, reply: asyncio.Future[Result], clock: Clock) -> None:
        self._reply = reply
        self._clock = clock

    async def wait(self, seconds: float) -> bool:
        """Wait for the reply up to some seconds; return True if it is there."""
        with suppress(TimeoutError):
            async with time_limit(seconds, self._clock):
                await asyncio.wait([self._reply])
        return self._reply.done()

    def result(self) -> Result:
        """Return the reply.

        Raises:
            Refused: the other gateway refuses the command.
            StoreError: the store can't be used any more, so no reply can come.
        """
        return self._reply.result()


class Messenger:
    """Sends and receives messages. Its owner runs `receive` and `send` as tasks, and calls `close`."""

    def __init__(self, messages: Messages, replica: str, clock: Clock, receiver: Receiver) -> None:
        self._messages = messages
        self._replica = replica
        self._clock = clock
        self._receiver = receiver
        self._numbers = count(1)
        self._outgoing: list[tuple[str, bytes]] = []
        self._has_outgoing = asyncio.Event()
        self._replies: dict[int, asyncio.Future[Result]] = {}
        self._calls: set[asyncio.Task[None]] = set()

    def post(self, replica: str, message: Wake | Watch | Watching | SlotsChanged | Reply | Configured) -> None:
        """Send a message soon, together with others; it is lost if the store fails."""
        self._outgoing.append((replica, encode_message(message)))
        self._has_outgoing.set()

    async def call(self, replica: str, action: str, generation_id: str, arguments: Result) -> Result:
        """Send a command to another gateway about a generation of its own; return the result.

        Raises:
            Refused: the other gateway refuses it.
            TimeoutError: no reply came in time: the other gateway may have ended.
            StoreError: the message was not sent.
        """
        async with self.calling(replica, action, generation_id, arguments) as call:
            if not await call.wait(REPLY_SECONDS):
                raise TimeoutError
            return call.result()

    @asynccontextmanager
    async def calling(
        self, replica: str, action: str, generation_id: str, arguments: Result
    ) -> AsyncIterator["PendingCall"]:
        """Send a command, and wait for its reply inside, as long as that makes sense.

        Raises:
            StoreError: the message was not sent.
        """
        number = next(self._numbers)
        reply: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._replies[number] = reply
        try:
            call = Call(self._replica, number, action, generation_id, arguments)
            await self._messages.send([(replica, encode_message(call))])
            yield PendingCall(reply, self._clock)
        finally:
            del self._replies[number]
            if reply.done():
                # Its exception counts as retrieved, also if the caller has stopped waiting.
                reply.exception()

    def fail_calls(self, error: StoreError) -> None:
        """End the calls that wait for a reply: none can come while the store can't be used."""
        for reply in self._replies.values():
            if not reply.done():
                reply.set_exception(StoreError(error.fault, error.message))

    async def send(self) -> None:
        """Send what was posted, until the task is cancelled."""
        while True:
            await self._has_outgoing.wait()
            self._has_outgoing.clear()
            try:
                await self.flush()
            except StoreError as error:
                self._receiver.on_store_error(error)

    async def flush(self) -> None:
        """Send what was posted.

        Raises:
            StoreError: it is lost.
        """
        outgoing, self._outgoing = self._outgoing, []
        await self._messages.send(outgoing)

    async def receive(self, wait: Callable[[float], Awaitable[None]]) -> None:
        """Act on what comes, until the task is cancelled. `wait` waits some seconds after the store has failed."""
        while True:
            try:
                received = await self._messages.receive(self._replica)
            except StoreError:
                await wait(RETRY_SECONDS * random.uniform(0.5, 1))  # noqa: S311 - jitter, no secret
                continue
            for data in received:
                self._handle(data)

    async def close(self) -> None:
        """Cancel the calls of others that are still carried out."""
        for task in tuple(self._calls):
            task.cancel()
        await asyncio.gather(*self._calls, return_exceptions=True)

    def _handle(self, data: bytes) -> None:
        try:
            message = decode_message(data)
        except ValueError:
            # Of a newer version, which this one can't act on. The sender's call times out.
            fields = log_fields("unknown_message", bytes=len(data))
            logger.warning("a message of another gateway is not known here: %d bytes", len(data), extra=fields)
            return
        match message:
            case Wake():
                self._receiver.on_wake(message)
            case Watch():
                self._receiver.on_watch(message)
            case SlotsChanged():
                self._receiver.on_slots_changed()
            case Watching():
                self._receiver.on_watching(message)
            case Call():
                task = asyncio.create_task(self._execute(message), name=f"call {message.action}")
                self._calls.add(task)
                task.add_done_callback(self._calls.discard)
            case Reply():
                self._resolve(message)
            case Configured():
                self._receiver.on_configured(message)

    async def _execute(self, call: Call) -> None:
        try:
            reply = Reply(call.number, await self._receiver.on_call(call))
        except Refused as refused:
            reply = Reply(call.number, refusal=Refusal.of(refused))
        except StoreError as error:
            self._receiver.on_store_error(error)
            return
        except Exception:  # the boundary of a task
            fields = log_fields("command_failed", command=call.action, gateway=call.sender)
            logger.exception("command %s of another gateway", call.action, extra=fields)
            fault = Refused(Code.SERVER_ERROR, "The gateway that runs this generation failed.", status=500)
            reply = Reply(call.number, refusal=Refusal.of(fault))
        self.post(call.sender, reply)

    def _resolve(self, reply: Reply) -> None:
        waiting = self._replies.get(reply.number)
        if waiting is None or waiting.done():
            return
        if reply.refusal is not None:
            waiting.set_exception(reply.refusal.error())
        else:
            waiting.set_result(reply.result)
