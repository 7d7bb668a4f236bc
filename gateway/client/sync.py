"""The synchronous client: the asynchronous one, run on an event loop in a thread of its own."""

import asyncio
import random as chance
import ssl
import warnings
import weakref
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

from gateway.client.answer import AsyncAnswer
from gateway.client.answer_state import AnswerState
from gateway.client.client import AsyncClient, Messages
from gateway.client.connectors import TransportName
from gateway.client.http_session import Token
from gateway.client.loop_thread import LoopThread
from gateway.client.retry import Retries, RetryNotice, Sleep
from gateway.client.start_options import StartOptions
from gateway.protocol.events import Event, Mode


class Client:
    """A client of the gateway at `url`, as `AsyncClient`, for programs without an event loop.

    Use it in `with`, which closes all its connections and its thread at the end. Any thread may use it and its answers,
    but only one at a time may read an answer. Functions that are passed to it, such as `token`, run in its own thread.
    """

    def __init__(  # noqa: PLR0913 - settings, all passed by name
        self,
        url: str,
        *,
        transport: TransportName = "sse",
        token: Token | None = None,
        headers: Mapping[str, str] | None = None,
        retries: Retries | None = None,
        connect_s: float = 10.0,
        idle_s: float = 60.0,
        ssl_context: ssl.SSLContext | None = None,
        notice: Callable[[RetryNotice], None] | None = None,
        sleep: Sleep = asyncio.sleep,
        random: Callable[[], float] = chance.random,
    ) -> None:
        self._client = AsyncClient(
            url,
            transport=transport,
            token=token,
            headers=headers,
            retries=retries,
            connect_s=connect_s,
            idle_s=idle_s,
            ssl_context=ssl_context,
            notice=notice,
            sleep=sleep,
            random=random,
        )
        self._thread = LoopThread(f"dualstream client of {self._client.url.host}")
        self._close = weakref.finalize(self, _close, self._client, self._thread)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._client.url} {self.transport}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        # The constructor may have failed.
        if (close := getattr(self, "_close", None)) is not None and close.alive:
            warnings.warn(f"unclosed {self!r}: use `with`, or call close()", ResourceWarning, stacklevel=2, source=self)

    @property
    def transport(self) -> TransportName:
        """Return the transport of the next answers."""
        return self._client.transport

    def close(self) -> None:
        """Close all connections and the thread. Generations then run on or end as their disconnect policy says."""
        self._close()

    def start(
        self,
        prompt: str | Messages,
        *,
        model: str | None = None,
        options: StartOptions | None = None,
        metadata: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
        timeout_s: float | None = None,
    ) -> "Answer":
        """Start a generation and return its answer once the gateway has accepted it, as `AsyncClient.start`.

        Raises:
            Refused: if the gateway refuses the request.
            Failed: `network_error`, if the gateway can't be reached.
        """
        start = self._client.start(
            prompt,
            model=model,
            options=options,
            metadata=metadata,
            idempotency_key=idempotency_key,
            timeout_s=timeout_s,
        )
        return Answer(self._thread.run(start), self)

    def attach(
        self,
        generation: str,
        *,
        after: int | str | None = None,
        coalesce_ms: int | None = None,
        timeout_s: float | None = None,
    ) -> "Answer":
        """Return an answer that reads an existing generation, as `AsyncClient.attach`.

        Raises:
            Refused: if `after` is not a position of this generation.
        """

        async def attach() -> AsyncAnswer:
            return self._client.attach(generation, after=after, coalesce_ms=coalesce_ms, timeout_s=timeout_s)

        return Answer(self._thread.run(attach()), self)


class Answer(AnswerState):
    """A generation, as seen by one reader at a time. Iterate over it to receive its events, as `AsyncAnswer`.

    Ctrl-C while it waits raises KeyboardInterrupt and loses no event: iterate again to continue.
    """

    def __init__(self, answer: AsyncAnswer, client: Client) -> None:
        super().__init__(answer.view)
        self._answer = answer
        # Without this reference, a client of which only an answer is held would be closed.
        self._client = client
        self._run = client._thread.run  # noqa: SLF001 - the two classes are one implementation

    @property
    def has_ended(self) -> bool:
        """Return True if no event follows: the last one was returned, or the answer was closed."""
        return self._answer.has_ended

    @property
    def transport(self) -> TransportName:
        """Return the transport that events are read on."""
        return self._answer.transport

    @property
    def attachments(self) -> int:
        """Return how often this answer was attached again: after a lost connection, and for `switch`."""
        return self._answer.attachments

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Event:
        """Wait for the next event and return it, as `AsyncAnswer.__anext__`.

        Raises:
            Refused: if the gateway refuses to resume.
            Failed: `network_error`, if the gateway can't be reached; `timeout`, if the time of this answer is over.
        """
        event = self._run(self._answer.next_event(), self._answer.unread)
        if event is None:
            raise StopIteration
        return event

    def read(self) -> str:
        """Read to the end and return the text, as `AsyncAnswer.read`.

        Raises:
            Failed: if the generation ended with `error`, with its code; or as iterating does.
            Refused: as iterating does.
        """
        return self._run(self._answer.read())

    def interrupt(self, reason: str | None = None) -> bool:
        """Interrupt the generation, from any thread, as `AsyncAnswer.interrupt`; return False if it had already ended.

        Raises:
            Refused: if the generation is unknown, no longer kept, or not this client's to interrupt.
            Failed: `network_error`, if the gateway can't be reached.
        """
        return self._run(self._answer.interrupt(reason))

    def feedback(self, text: str | None = None, *, rating: int | None = None, mode: Mode = "revise") -> str | None:
        """Send feedback, from any thread, as `AsyncAnswer.feedback`; return its id if the transport does.

        Raises:
            Refused: if the gateway rejects the feedback, for example with `already_over`.
            Failed: `network_error`, if the connection was lost: the feedback may or may not have been accepted.
        """
        return self._run(self._answer.feedback(text, rating=rating, mode=mode))

    def switch(self, transport: TransportName) -> None:
        """Continue reading on another transport, after the last event that was returned."""
        self._run(self._answer.switch(transport))

    def close(self) -> None:
        """Stop reading. The generation then runs on or ends as its disconnect policy says."""
        self._run(self._answer.aclose())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _close(client: AsyncClient, thread: LoopThread) -> None:
    try:
        if thread.is_usable:
            thread.run(client.aclose())
    finally:
        thread.close()
