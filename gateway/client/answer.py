"""The events of one generation, each once and in order, over as many connections as that takes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from gateway.client.answer_state import AnswerState
from gateway.client.connectors import CommandName, Commands, Connector, EventFeed, TransportName, check_transport
from gateway.client.deadline import Deadline
from gateway.client.frames import ConnectionLost, Frame, JsonMap, failure_of
from gateway.client.retry import Retries, RetryPolicy
from gateway.client.view import View
from gateway.protocol.errors import Code, Failed, Refused
from gateway.protocol.events import Error, Event, Mode


@dataclass(frozen=True, slots=True)
class Shared:
    """What all answers of one client share. `connected` holds the answers that have an open connection."""

    connectors: Mapping[TransportName, Connector]
    commands: Commands
    retries: Retries
    retry_policy: Callable[[int], RetryPolicy]
    """Builds a policy that allows this number of failures in a row."""
    connected: "set[AsyncAnswer]" = field(default_factory=set)


class AsyncAnswer(AnswerState):
    """A generation, as seen by one reader at a time. Iterate over it to receive its events.

    Iteration ends after the terminal event. After `Failed` (the gateway could not be reached), and after a read that
    was cancelled, iterate again: it continues after the last event that was returned.
    """

    def __init__(
        self,
        view: View,
        transport: TransportName,
        shared: Shared,
        opened: tuple[EventFeed, Frame] | None = None,
        *,
        deadline: Deadline,
        coalesce_ms: int | None = None,
    ) -> None:
        super().__init__(view)
        self._transport = transport
        self._shared = shared
        self._retry_policy = shared.retry_policy(shared.retries.resume_failures)
        self._deadline = deadline
        self._coalesce_ms = coalesce_ms
        self._feed: EventFeed | None = None
        self._first: Frame | None = None
        self._unread: Event | None = None
        self._reading = False
        self._ended = False
        self._switching = False
        self._attachments = 0
        if opened is not None:
            self._feed, self._first = opened
            shared.connected.add(self)

    @property
    def has_ended(self) -> bool:
        """Return True if no event follows: the last one was returned, or the answer was closed."""
        return self._ended and self._unread is None

    @property
    def transport(self) -> TransportName:
        """Return the transport that events are read on."""
        return self._transport

    @property
    def attachments(self) -> int:
        """Return how often this answer was attached again: after a lost connection, and for `switch`."""
        return self._attachments

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        """Return the next event, as `next_event`; raise StopAsyncIteration at the end."""
        event = await self.next_event()
        if event is None:
            raise StopAsyncIteration
        return event

    async def next_event(self) -> Event | None:
        """Return the next event; None at the end. After a lost connection, attach again as often as is allowed.

        It may be cancelled: the next call continues after the last event that was returned.

        Raises:
            Refused: if the gateway refuses to resume, for example with `generation_lost`.
            Failed: `network_error`, if the gateway can't be reached; `timeout`, if the time of this answer is over.
        """
        if self._reading:
            message = "this answer is already being read: read it in one place, and attach again for another reader"
            raise RuntimeError(message)
        self._reading = True
        try:
            async with self._deadline:
                return await self._next_event()
        finally:
            self._reading = False

    def unread(self, event: Event | None) -> None:
        """Return an event again with the next call, because the caller of the last one could not receive it."""
        self._unread = event

    async def read(self) -> str:
        """Read to the end and return the text of the last revision. If it was interrupted, that is the text so far.

        Raises:
            Failed: if the generation ended with `error`, with its code; or as iterating does.
            Refused: as iterating does.
        """
        async for _event in self:
            pass
        if isinstance(self.terminal, Error):
            raise failure_of(self.terminal)
        return self.text

    async def interrupt(self, reason: str | None = None) -> bool:
        """Interrupt the generation and return True; return False if it had already ended.

        Keep iterating to receive its terminal event. The command is idempotent, so it is sent again after a lost
        connection.

        Raises:
            Refused: if the generation is unknown, no longer kept, or not this client's to interrupt.
            Failed: `network_error`, if the gateway can't be reached.
        """
        retry_policy = self._shared.retry_policy(self._shared.retries.start_failures)
        while self._view.terminal is None:
            try:
                await self._command("interrupt", {} if reason is None else {"reason": reason})
            except Refused as refusal:
                if refusal.code is Code.ALREADY_OVER:
                    return False
                await retry_policy.wait_after(refusal)
            except ConnectionLost as error:
                await retry_policy.wait_after(error)
            else:
                return True
        return False

    async def feedback(
        self, text: str | None = None, *, rating: int | None = None, mode: Mode = "revise"
    ) -> str | None:
        """Send feedback: `revise` starts a new revision, `stop` ends the generation, `note` only records.

        A `note` is also accepted after the end. Feedback is sent once, because it is not idempotent: after `Failed`,
        check the events before sending it again.

        Returns:
            The feedback's id; None if the transport does not return it.

        Raises:
            Refused: if the gateway rejects the feedback, for example with `already_over`.
            Failed: `network_error`, if the connection was lost: the feedback may or may not have been accepted.
        """
        fields = {"text": text, "rating": rating, "mode": mode}
        try:
            reply = await self._command(
                "feedback", {name: value for name, value in fields.items() if value is not None}
            )
        except ConnectionLost as error:
            raise Failed(Code.NETWORK_ERROR, str(error)) from error
        feedback_id = reply.get("feedback_id")
        return feedback_id if isinstance(feedback_id, str) else None

    async def switch(self, transport: TransportName) -> None:
        """Continue reading on another transport, after the last event that was returned.

        Raises:
            ValueError: if there is no transport of this name.
        """
        check_transport(transport, self._shared.connectors)
        if transport == self._transport:
            return
        self._transport = transport
        self._switching = True
        await self._close_feed()

    async def aclose(self) -> None:
        """Stop reading. The generation then runs on or ends as its disconnect policy says."""
        self._ended, self._unread = True, None
        await self._close_feed()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def _next_event(self) -> Event | None:
        while self._unread is None and not self._ended:
            try:
                self._unread = await self._next()
            except (ConnectionLost, Refused) as error:
                await self._recover(error)
                continue
            if self._view.terminal is not None:
                self._ended = True
                # If this is cancelled, the event is returned by the next call.
                await self._close_feed()
        event, self._unread = self._unread, None
        return event

    async def _next(self) -> Event | None:
        frame, self._first = self._first, None
        if frame is None:
            if self._feed is None:
                await self._attach()
            feed = self._feed
            if feed is None:  # closed or switched while attaching
                return None
            frame = await feed.next()
        if frame is None:
            self._ended = True
            return None
        seq_before = self._view.seq
        event = self._view.receive(frame)
        # A repeated frame is no progress: a gateway that only ever repeats must exhaust the retries.
        if self._view.seq > seq_before:
            self._retry_policy.reset()
        return event

    async def _attach(self) -> None:
        transport = self._transport
        self._switching = False
        feed = await self._shared.connectors[transport].attach(self.id, self.seq, self._coalesce_ms)
        self._attachments += 1
        # `aclose` and `switch` may have been called while this waited for the connection.
        if self._ended or transport != self._transport:
            await feed.aclose()
        else:
            self._feed = feed
            self._shared.connected.add(self)

    async def _recover(self, error: ConnectionLost | Refused) -> None:
        await self._close_feed()
        if self._ended or self._switching:
            return
        # Attaching can't bring the generation back, also if an older gateway calls it retryable.
        if isinstance(error, Refused) and error.code is Code.GENERATION_LOST:
            raise error
        try:
            await self._retry_policy.wait_after(error)
        except (Refused, Failed):
            # Iterating again after a failure has all its retries.
            self._retry_policy.reset()
            raise

    async def _close_feed(self) -> None:
        feed, self._feed = self._feed, None
        self._shared.connected.discard(self)
        if feed is not None:
            await feed.aclose()

    async def _command(self, name: CommandName, fields: JsonMap) -> JsonMap:
        commands = self._shared.commands if self._feed is None else self._feed
        return await commands.command(self.id, name, fields)
