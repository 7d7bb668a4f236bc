"""One answer: its events, each once and in order, whatever happens to connections on the way."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from gateway.client.connectors import CommandName, Connector, EventFeed, HttpCommands, TransportName
from gateway.client.frames import ConnectionLost, Frame, JsonMap
from gateway.client.retry import Retries, RetryPolicy
from gateway.client.view import State, View
from gateway.protocol.errors import Code, Failed, Refused
from gateway.protocol.events import Event, Mode, Terminal
from gateway.protocol.position import position


@dataclass(frozen=True, slots=True)
class Shared:
    """What the answers of one client share: the ways to the gateway, and which answers hold a connection now."""

    links: Mapping[TransportName, Connector]
    posts: HttpCommands
    retries: Retries
    patience: Callable[[int], RetryPolicy]
    in_use: "set[Answer]" = field(default_factory=set)


class Answer:
    """A generation, as seen by one reader at a time: iterate over it to get its events.

    Iteration ends after the terminal event. After `Failed` (the gateway stayed out of reach) iterate on to try again.
    """

    def __init__(
        self, view: View, transport: TransportName, roads: Shared, opened: tuple[EventFeed, Frame] | None = None
    ) -> None:
        self._view = view
        self._transport = transport
        self._roads = roads
        self._resuming = roads.patience(roads.retries.resume_failures)
        self._feed: EventFeed | None = None
        self._first: Frame | None = None
        self._over = False
        self._switching = False
        self._attachments = 0
        if opened is not None:
            self._feed, self._first = opened
            roads.in_use.add(self)

    @property
    def id(self) -> str:
        """The generation's id."""
        return self._view.generation_id

    @property
    def seq(self) -> int:
        """The number of the last event that was given."""
        return self._view.seq

    @property
    def position(self) -> str:
        """The position of the last event that was given: any viewer can go on after it, on any transport."""
        return position(self.id, self.seq)

    @property
    def text(self) -> str:
        """The text of the running revision, as far as it was seen."""
        return self._view.text

    @property
    def revision(self) -> int:
        """The running revision: 1, and one more with each feedback that was applied."""
        return self._view.revision

    @property
    def state(self) -> State:
        """Where the generation is, as far as it was seen."""
        return self._view.state

    @property
    def terminal(self) -> Terminal | None:
        """The terminal event, once it was given."""
        return self._view.terminal

    @property
    def transport(self) -> TransportName:
        """The transport that it is read on."""
        return self._transport

    @property
    def attachments(self) -> int:
        """How often a connection was made again: after cuts, and for `switch`."""
        return self._attachments

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        """Give the next event, attaching again after a cut as often as it takes.

        Raises:
            Refused: when the gateway does not let us go on: `generation_lost`, say.
            Failed: `network_error`, when it stayed out of reach.
        """
        while not self._over:
            try:
                event = await self._next()
            except (ConnectionLost, Refused) as error:
                await self._recover(error)
                continue
            if self._view.terminal is not None:
                self._over = True
                await self._drop()
            if event is not None:
                return event
        raise StopAsyncIteration

    async def interrupt(self, reason: str | None = None) -> bool:
        """Stop the generation; keep iterating to see its end. False: it was over already.

        Trying again is safe: it is asked again after a cut.

        Raises:
            Refused: when it is not ours to stop, or not known (any more).
            Failed: `network_error`, when the gateway stayed out of reach.
        """
        patience = self._roads.patience(self._roads.retries.start_failures)
        while self._view.terminal is None:
            try:
                await self._command("interrupt", {} if reason is None else {"reason": reason})
            except Refused as refusal:
                if refusal.code is Code.ALREADY_OVER:
                    return False
                await patience.after(refusal)
            except ConnectionLost as cut:
                await patience.after(cut)
            else:
                return True
        return False

    async def feedback(
        self, text: str | None = None, *, rating: int | None = None, mode: Mode = "revise"
    ) -> str | None:
        """Say something of the answer: `revise` begins it anew, `stop` ends it, `note` records, also after the end.

        Gives the feedback's id, if the transport tells it. It is sent once: after `Failed` look at the events before
        sending it again.

        Raises:
            Refused: when it is not taken: `already_over`, say.
            Failed: `network_error`, when the connection broke: it may or may not have been taken.
        """
        said = {"text": text, "rating": rating, "mode": mode}
        try:
            answered = await self._command(
                "feedback", {name: value for name, value in said.items() if value is not None}
            )
        except ConnectionLost as cut:
            raise Failed(Code.NETWORK_ERROR, str(cut)) from cut
        feedback_id = answered.get("feedback_id")
        return feedback_id if isinstance(feedback_id, str) else None

    async def switch(self, transport: TransportName) -> None:
        """Go on reading on the other transport, from where this one has come to."""
        if transport == self._transport:
            return
        self._transport = transport
        self._switching = True
        await self._drop()

    async def aclose(self) -> None:
        """Stop reading. The generation goes on without us, as its disconnect policy says."""
        self._over = True
        await self._drop()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def _next(self) -> Event | None:
        frame, self._first = self._first, None
        if frame is None:
            if self._feed is None:
                await self._attach()
            feed = self._feed
            if feed is None:  # closed or switched while we were attaching
                return None
            frame = await feed.next()
        if frame is None:
            self._over = True
            return None
        before = self._view.seq
        event = self._view.take(frame)
        if self._view.seq > before:
            self._resuming.progress()
        return event

    async def _attach(self) -> None:
        transport = self._transport
        self._switching = False
        feed = await self._roads.links[transport].attach(self.id, self.seq)
        self._attachments += 1
        if self._over or transport != self._transport:
            await feed.aclose()
        else:
            self._feed = feed
            self._roads.in_use.add(self)

    async def _recover(self, error: ConnectionLost | Refused) -> None:
        await self._drop()
        if self._over or self._switching:
            return
        # A generation that is not known can be started again, but never attached to.
        if isinstance(error, Refused) and error.code is Code.GENERATION_LOST:
            raise error
        try:
            await self._resuming.after(error)
        except (Refused, Failed):
            self._resuming.progress()
            raise

    async def _drop(self) -> None:
        feed, self._feed = self._feed, None
        self._roads.in_use.discard(self)
        if feed is not None:
            await feed.aclose()

    async def _command(self, name: CommandName, fields: JsonMap) -> JsonMap:
        road = self._roads.posts if self._feed is None else self._feed
        return await road.command(self.id, name, fields)
