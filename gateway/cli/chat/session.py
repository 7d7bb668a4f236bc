"""One talk with a gateway: asks, follows the answer into its turn, takes what the user says meanwhile."""

from collections.abc import Callable

from gateway.cli.chat.messages import describe, describe_start
from gateway.cli.chat.settings import ChatSettings
from gateway.cli.chat.turn import Conversation, Turn
from gateway.client import Answer, Client, RetryNotice, TransportName
from gateway.protocol.errors import Code, GatewayError, Refused
from gateway.protocol.events import Event

Seen = Callable[[Event | RetryNotice], None]


class ChatSession:
    """A conversation over one client, one answer at a time. `now` gives seconds of a clock that only goes forward."""

    def __init__(self, client: Client, settings: ChatSettings, now: Callable[[], float]) -> None:
        self.conversation = Conversation(settings.system)
        self.turn: Turn | None = None
        self._client = client
        self._settings = settings
        self._now = now
        self._answer: Answer | None = None
        self._seen: Seen | None = None

    @property
    def running(self) -> bool:
        """Whether an answer is being waited for or streamed."""
        return self.turn is not None and self.turn.running

    @property
    def accepted(self) -> bool:
        """Whether the gateway has taken the question that was asked last."""
        return self._answer is not None

    @property
    def transport(self) -> TransportName:
        """The transport that answers are read on."""
        return self._client.transport

    async def ask(self, question: str, seen: Seen) -> Turn:
        """Ask, follow the answer to its end, and tell `seen` of each event and each trouble; errors end up in the turn.

        When cancelled, the turn has ended as `failed`, and what came stays in the conversation.
        """
        turn, messages = self.conversation.ask(question, self._now())
        self.turn, self._seen, self._answer = turn, seen, None
        answer: Answer | None = None
        try:
            answer = await self._client.start(messages, model=self._settings.model)
            self._answer = answer
            if turn.stop_at is not None:
                await answer.interrupt("stopped in the terminal")
            await self._follow(answer, turn, seen)
        except GatewayError as error:
            said = describe_start(error, self._settings.url) if answer is None else describe(error)
            turn.failed(said, self._now())
        finally:
            if turn.running:
                turn.failed("given up", self._now())
            if answer is not None:
                await answer.aclose()
        return turn

    def trouble(self, trouble: RetryNotice) -> None:
        """Take note that the client is trying again."""
        if self.turn is not None and self.turn.running:
            self.turn.trouble = trouble
            if self._seen is not None:
                self._seen(trouble)

    async def stop(self) -> str | None:
        """Interrupt the answer; a start that is still on its way is interrupted as soon as it is accepted.

        Gives what went wrong, if anything did.
        """
        turn, answer = self.turn, self._answer
        if turn is None or not turn.running:
            return None
        if turn.stop_at is None:
            turn.stop_at = self._now()
        if answer is None or answer.terminal is not None:
            return None
        try:
            await answer.interrupt("stopped in the terminal")
        except GatewayError as error:
            turn.stop_at = None
            return describe(error)
        return None

    async def revise(self, text: str) -> str | None:
        """Give feedback to the running answer; gives what went wrong, if anything did."""
        if self._answer is None:
            return "The answer is not accepted yet: wait a moment, then say it again."
        return await self._tell(self._answer, text=text)

    async def note(self, text: str | None, rating: int | None) -> str | None:
        """Record a remark or rating of the running or last answer; gives what went wrong, if anything did."""
        if self._answer is None:
            return "There is no answer yet to speak of."
        return await self._tell(self._answer, text=text, rating=rating, note=True)

    async def switch(self, transport: TransportName) -> None:
        """Go on over this transport, with the running answer too."""
        self._client.transport = transport
        if self._answer is not None and self.running:
            await self._answer.switch(transport)

    async def _follow(self, answer: Answer, turn: Turn, seen: Seen) -> None:
        async for event in answer:
            turn.take(event, self._now())
            seen(event)
        if turn.terminal is None:
            turn.failed("The answer ended without saying how.", self._now())

    async def _tell(
        self, answer: Answer, *, text: str | None, rating: int | None = None, note: bool = False
    ) -> str | None:
        try:
            await answer.feedback(text, rating=rating, mode="note" if note else "revise")
        except Refused as refused:
            if refused.code is Code.ALREADY_OVER:
                return "The answer was over before that came."
            return describe(refused)
        except GatewayError as error:
            return describe(error)
        return None
