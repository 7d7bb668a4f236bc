"""The asynchronous client: one HTTP session, and the answers that are read through it."""

import asyncio
import random as chance
import secrets
import ssl
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Final, Self

from yarl import URL

from gateway.client.answer import AsyncAnswer, Shared
from gateway.client.connectors import Connectors, HttpCommands, TransportName, check_transport
from gateway.client.deadline import Deadline
from gateway.client.event_stream import EventStreamConnector
from gateway.client.frames import ConnectionLost
from gateway.client.http_session import HttpSession, HttpSettings, Token, basic_authorization, check_token
from gateway.client.long_poll import LongPollConnector
from gateway.client.retry import Retries, RetryNotice, RetryPolicy, Sleep
from gateway.client.start_options import StartOptions
from gateway.client.view import View
from gateway.client.web_socket import WebSocketConnector
from gateway.protocol.errors import Refused, invalid
from gateway.protocol.position import parse_position

Messages = Sequence[Mapping[str, object]]

CONNECTORS: Final[Connectors] = {"sse": EventStreamConnector, "ws": WebSocketConnector, "poll": LongPollConnector}
"""The transports of this client."""


MAX_SECONDS: Final = 1e8
"""Maximum of a time to wait, about three years: timers of the event loop take no infinite one."""


class AsyncClient:
    """A client of the gateway at `url`. Use it in `async with`, which closes all its connections at the end.

    Without `async with`, its first use opens it, and `aclose` closes it. It belongs to one event loop.

    Args:
        url: The address of the gateway, `https://host/path`.
        transport: How events are read: `sse`, `ws` or `poll`.
        token: A key or token, or a function that returns one, asynchronous or not. It is called for each connection.
        headers: Further headers of each request, for a proxy.
        retries: Limits of retries.
        connect_s: Maximum seconds to open a connection.
        idle_s: Maximum seconds without receiving any byte, heartbeats included.
        ssl_context: How TLS is verified; by default with the certificates of the system.
        notice: Called for each failed attempt that is followed by a retry.
        sleep: Waits between attempts. For tests.
        random: Returns the jitter of these waits. For tests.
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
        address = parse_url(url)
        # Messages name the address: a password must not be part of it.
        self.url = address.with_user(None)
        check_transport(transport, CONNECTORS)
        if token is not None and not callable(token):
            check_token(token)
        _check_seconds(connect_s=connect_s, idle_s=idle_s)
        self.transport: TransportName = transport
        self._settings = HttpSettings(
            self.url, token, {**basic_authorization(address), **(headers or {})}, connect_s, idle_s, ssl_context
        )
        self._retries = retries or Retries()
        self._notice = notice
        self._sleep = sleep
        self._random = random
        self._http: HttpSession | None = None
        self._opened: Shared | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.url} {self.transport}>"

    async def __aenter__(self) -> Self:
        _ = self._shared
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close all connections. Generations that are read then run on or end as their disconnect policy says."""
        self._closed = True
        opened, http = self._opened, self._http
        self._opened = self._http = None
        try:
            if opened is not None:
                for answer in tuple(opened.connected):
                    await answer.aclose()
        finally:
            if http is not None:
                await http.aclose()

    async def start(
        self,
        prompt: str | Messages,
        *,
        model: str | None = None,
        options: StartOptions | None = None,
        metadata: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
        timeout_s: float | None = None,
    ) -> AsyncAnswer:
        """Start a generation and return its answer once the gateway has accepted it. Retry where that is safe.

        Every attempt carries the same idempotency key: if the acceptance was lost, the retry finds the same generation
        instead of starting a second one.

        Args:
            prompt: A text, or the messages of a conversation in the form of OpenAI's chat completions.
            model: A model of the gateway; by default its first.
            options: Parameters for the provider, `on_disconnect` and `coalesce_ms`.
            metadata: Texts to keep with the generation.
            idempotency_key: A name of this start: the same start with the same key returns the same generation, from
                another process, too.
            timeout_s: Maximum seconds from now to the end of the answer. After them, this call or reading the answer
                raises `Failed`.

        Raises:
            Refused: if the gateway refuses the request.
            Failed: `network_error`, if the gateway can't be reached.
        """
        messages: Messages = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else list(prompt)
        fields = {"messages": messages, "model": model, "options": options, "metadata": metadata}
        body = {name: value for name, value in fields.items() if value is not None}
        key = idempotency_key or secrets.token_urlsafe(16)
        deadline = Deadline(timeout_s)
        async with deadline:
            return await self._start_with_retries(body, key, deadline)

    def attach(
        self,
        generation: str,
        *,
        after: int | str | None = None,
        coalesce_ms: int | None = None,
        timeout_s: float | None = None,
    ) -> AsyncAnswer:
        """Return an answer that reads an existing generation.

        Nothing is sent before the answer is iterated over, so this is also how to interrupt one by its id.

        Args:
            generation: Its id, to read it from its beginning; or a position, to continue after that event.
            after: A position or seq to continue after.
            coalesce_ms: Milliseconds for which the gateway joins text for this reader, so that a fast model does not
                cost an event per token; by default, what the start says.
            timeout_s: Maximum seconds from now to the end of the answer.

        Raises:
            Refused: if `after` is not a position of this generation.
        """
        if ":" in generation and after is None:
            generation, after = parse_position(generation, "generation")
        if isinstance(after, str):
            named, after = parse_position(after)
            if named != generation:
                message = f"after: this is another generation's position ({named[:64]!r})."
                raise invalid(message, param="after")
        view = View(_check_id(generation), after=after or 0)
        deadline = Deadline(timeout_s)
        return AsyncAnswer(view, self.transport, self._shared, deadline=deadline, coalesce_ms=coalesce_ms)

    @property
    def _shared(self) -> Shared:
        if self._closed:
            message = "this client is closed"
            raise RuntimeError(message)
        loop = asyncio.get_running_loop()
        if self._opened is None or self._http is None:
            self._http = HttpSession(self._settings)
            connectors = {name: build(self._http) for name, build in CONNECTORS.items()}
            self._opened = Shared(connectors, HttpCommands(self._http), self._retries, self._retry_policy)
            self._loop = loop
        elif self._loop is not loop:
            message = "this client belongs to another event loop: use one client for each"
            raise RuntimeError(message)
        return self._opened

    async def _start_with_retries(self, body: Mapping[str, object], key: str, deadline: Deadline) -> AsyncAnswer:
        retry_policy = self._retry_policy(self._retries.start_failures)
        while True:
            try:
                return await self._start(body, key, deadline)
            except (ConnectionLost, Refused) as error:
                await retry_policy.wait_after(error)

    async def _start(self, body: Mapping[str, object], key: str, deadline: Deadline) -> AsyncAnswer:
        shared, transport = self._shared, self.transport
        feed = await shared.connectors[transport].start(body, key)
        try:
            first = await feed.next()
            if first is None:
                message = f"{self.url} does not respond like a Dualstream gateway: the start returned no event."
                raise invalid(message)
        except BaseException:
            await feed.aclose()
            raise
        return AsyncAnswer(View(first.generation_id), transport, shared, (feed, first), deadline=deadline)

    def _retry_policy(self, failures: int) -> RetryPolicy:
        return RetryPolicy(self._retries, failures, sleep=self._sleep, random=self._random, notice=self._notice)


def parse_url(url: str) -> URL:
    """Return the address of a gateway; without a scheme, it is http.

    Raises:
        Refused: it is not an address.
    """
    parsed = URL(url if "://" in url else f"http://{url}")
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        message = f"url: {url!r} is not the address of a gateway: use one like http://127.0.0.1:8080."
        raise invalid(message, param="url")
    return parsed.with_query(None).with_fragment(None)


def _check_seconds(**settings: object) -> None:
    """Raise ValueError for what is no time to wait: some transports would take 0 for "at once", others for "never"."""
    for name, seconds in settings.items():
        if not isinstance(seconds, int | float) or not 0 < seconds <= MAX_SECONDS:
            message = f"{name}: {seconds!r} is not a number of seconds from above 0 to {MAX_SECONDS:g}."
            raise ValueError(message)


def _check_id(generation_id: str) -> str:
    """Return an id that is one segment of a path. It may come from the browser of a user."""
    if generation_id in {"", ".", ".."} or "/" in generation_id or not generation_id.isprintable():
        message = f"generation: {generation_id[:64]!r} is not the id of a generation."
        raise invalid(message, param="generation")
    return generation_id
