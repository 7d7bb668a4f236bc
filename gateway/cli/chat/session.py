"""One conversation with a gateway: sends questions, applies events to their turns, and sends commands meanwhile."""

from collections.abc import Callable

from gateway.cli.chat.messages import describe, describe_start
from gateway.cli.chat.settings import ChatSettings
from gateway.cli.chat.turn import Conversation, Turn
from gateway.client import Answer, Client, RetryNotice, TransportName
from gateway.protocol.errors import Code, GatewayError, Refused
from gateway.protocol.events import Event

OnUpdate = Callable[[Event | RetryNotice], None]

REASON = "stopped in the terminal"
"""Reason of an interrupt, which the `interrupted` event repeats."""


class ChatSession:
    """A conversation over one client, one answer at a time. `now` returns the seconds of a monotonic clock."""

    def __init__(self, client: Client, settings: ChatSettings, now: Callable[[], float]) -> None:
        self.conversation = Conversation(settings.system)
        self.turn: Turn | None = None
        self._client = client
        self._settings = settings
        self._now = now
        self._answer: Answer | None = None
        self._on_update: OnUpdate | None = None

    @property
    def running(self) -> bool:
        """Return True while an answer is awaited or streamed."""
        return self.turn is not None and self.turn.running

    @property
    def accepted(self) -> bool:
        """Return True if the gateway has accepted the last question."""
        return self._answer is not None

    @property
    def transport(self) -> TransportName:
        """Return the transport that answers are read on."""
        return self._client.transport

    async def ask(self, question: str, on_update: OnUpdate) -> Turn:
        """Send a question, read its answer to the end, and return the turn.

        `on_update` is called with each event and retry notice. Errors end the turn as `failed`; so does cancelling this
        call, and what was received stays in the conversation.
        """
        turn, messages = self.conversation.ask(question, self._now())
        self.turn, self._on_update, self._answer = turn, on_update, None
        answer: Answer | None = None
        try:
            answer = await self._client.start(messages, model=self._settings.model)
            self._answer = answer
            if turn.stop_at is not None:
                await answer.interrupt(REASON)
            await self._read(answer, turn, on_update)
        except GatewayError as error:
            message = describe_start(error, self._settings.url) if answer is None else describe(error)
            turn.fail(message, self._now())
        finally:
            if turn.running:
                turn.fail("cancelled", self._now())
            if answer is not None:
                await answer.aclose()
        return turn

    def on_retry_notice(self, notice: RetryNotice) -> None:
        """Record in the turn that the client retries."""
        if self.turn is not None and self.turn.running:
            self.turn.retry_notice = notice
            if self._on_update is not None:
                self._on_update(notice)

    async def stop(self) -> str | None:
        """Interrupt the answer; return an error message, or None.

        An answer that is not accepted yet is interrupted as soon as it is.
        """
        turn, answer = self.turn, self._answer
        if turn is None or not turn.running:
            return None
        if turn.stop_at is None:
            turn.stop_at = self._now()
        if answer is None or answer.terminal is not None:
            return None
        try:
            await answer.interrupt(REASON)
        except GatewayError as error:
            turn.stop_at = None
            return describe(error)
        return None

    async def revise(self, text: str) -> str | None:
        """Send feedback on the running answer; return an error message, or None."""
        if self._answer is None:
            return "The answer is not accepted yet: wait a moment, then send it again."
        return await self._send_feedback(self._answer, text=text)

    async def note(self, text: str | None, rating: int | None) -> str | None:
        """Record a note or rating on the running or last answer; return an error message, or None."""
        if self._answer is None:
            return "There is no answer yet."
        return await self._send_feedback(self._answer, text=text, rating=rating, note=True)

    async def switch(self, transport: TransportName) -> None:
        """Use this transport from now on, also for the running answer."""
        self._client.transport = transport
        if self._answer is not None and self.running:
            await self._answer.switch(transport)

    async def _read(self, answer: Answer, turn: Turn, on_update: OnUpdate) -> None:
        async for event in answer:
            turn.receive(event, self._now())
            on_update(event)
        if turn.terminal is None:
            turn.fail("The answer ended without a terminal event.", self._now())

    async def _send_feedback(
        self, answer: Answer, *, text: str | None, rating: int | None = None, note: bool = False
    ) -> str | None:
        try:
            await answer.feedback(text, rating=rating, mode="note" if note else "revise")
        except Refused as refused:
            if refused.code is Code.ALREADY_OVER:
                return "The answer had already ended."
            return describe(refused)
        except GatewayError as error:
            return describe(error)
        return None
