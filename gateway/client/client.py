"""The client: one session of connections, and the answers read through it."""

import asyncio
import random as chance
import secrets
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Self, get_args

import aiohttp
from yarl import URL

from gateway.client.answer import Answer, Shared
from gateway.client.connectors import Connector, HttpCommands, TransportName
from gateway.client.event_stream import EventStreamConnector
from gateway.client.frames import ConnectionLost
from gateway.client.retry import Retries, RetryNotice, RetryPolicy, Sleep
from gateway.client.view import View
from gateway.client.web_socket import WebSocketConnector
from gateway.protocol.errors import Refused, invalid
from gateway.protocol.position import parse_position

Messages = Sequence[Mapping[str, object]]


class Client:
    """A gateway, at its address. Use it in `async with`: leaving closes every connection that it has made.

    `idle_s` bounds the seconds in which no byte comes, heartbeats counted. `notice` is told of each try that failed and
    is followed by another.
    """

    def __init__(  # noqa: PLR0913 - settings, all by name
        self,
        url: str,
        *,
        transport: TransportName = "sse",
        token: str | None = None,
        retries: Retries | None = None,
        connect_s: float = 10.0,
        idle_s: float = 60.0,
        notice: Callable[[RetryNotice], None] | None = None,
        sleep: Sleep = asyncio.sleep,
        random: Callable[[], float] = chance.random,
    ) -> None:
        self.url = _base(url)
        if transport not in get_args(TransportName):
            message = f"transport: {transport!r} is none; known are: {', '.join(get_args(TransportName))}"
            raise ValueError(message)
        self.transport: TransportName = transport
        self._token = token
        self._retries = retries or Retries()
        self._connect_s = connect_s
        self._idle_s = idle_s
        self._notice = notice
        self._sleep = sleep
        self._random = random
        self._session: aiohttp.ClientSession | None = None
        self._opened: Shared | None = None

    async def __aenter__(self) -> Self:
        headers = {} if self._token is None else {"Authorization": f"Bearer {self._token}"}
        timeout = aiohttp.ClientTimeout(total=None, connect=None, sock_connect=self._connect_s, sock_read=self._idle_s)
        # As many connections as there are answers: each holds one for as long as it streams.
        connector = aiohttp.TCPConnector(limit=0)
        session = aiohttp.ClientSession(connector=connector, headers=headers, timeout=timeout)
        posts = HttpCommands(session, self.url)
        links: dict[TransportName, Connector] = {
            "sse": EventStreamConnector(session, self.url, posts),
            "ws": WebSocketConnector(session, self.url, posts, idle_s=self._idle_s),
        }
        self._session = session
        self._opened = Shared(links, posts, self._retries, self._patience)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        opened, session = self._opened, self._session
        self._opened = self._session = None
        if opened is not None:
            for answer in tuple(opened.in_use):
                await answer.aclose()
        if session is not None:
            await session.close()

    async def start(
        self,
        prompt: str | Messages,
        *,
        model: str | None = None,
        options: Mapping[str, object] | None = None,
        metadata: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
    ) -> Answer:
        """Start a generation and give its answer once it is accepted, trying again where that is safe.

        Every try carries the same idempotency key: a start whose acceptance was lost is found again, not doubled.

        Raises:
            Refused: when the gateway does not take it.
            Failed: `network_error`, when it stayed out of reach.
        """
        messages: Messages = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else list(prompt)
        given = {"messages": messages, "model": model, "options": options, "metadata": metadata}
        body = {name: value for name, value in given.items() if value is not None}
        key = idempotency_key or secrets.token_urlsafe(16)
        patience = self._patience(self._retries.start_failures)
        while True:
            try:
                return await self._start(body, key)
            except (ConnectionLost, Refused) as error:
                await patience.after(error)

    def attach(self, generation_id: str, *, after: int | str | None = None) -> Answer:
        """View a generation that exists, after a position or sequence number; from its beginning without.

        Nothing is sent before the answer is iterated over.

        Raises:
            Refused: when `after` is not a position of this generation.
        """
        if isinstance(after, str):
            named, after = parse_position(after)
            if named != generation_id:
                message = f"after: {named[:64]!r} is another generation's position."
                raise invalid(message, param="after")
        return Answer(View(generation_id, after=after or 0), self.transport, self._roads)

    @property
    def _roads(self) -> Shared:
        if self._opened is None:
            message = "a Client is used inside `async with`"
            raise RuntimeError(message)
        return self._opened

    async def _start(self, body: Mapping[str, object], key: str) -> Answer:
        roads, transport = self._roads, self.transport
        feed = await roads.links[transport].start(body, key)
        try:
            first = await feed.next()
            if first is None:
                message = f"{self.url} did not answer as a Dualstream gateway: a start brought no event."
                raise invalid(message)
        except BaseException:
            await feed.aclose()
            raise
        return Answer(View(first.generation_id), transport, roads, (feed, first))

    def _patience(self, failures: int) -> RetryPolicy:
        return RetryPolicy(self._retries, failures, sleep=self._sleep, random=self._random, notice=self._notice)


def _base(url: str) -> URL:
    base = URL(url if "://" in url else f"http://{url}")
    if base.scheme not in {"http", "https"} or not base.host:
        message = f"url: {url!r} is not the address of a gateway: give one like http://127.0.0.1:8080."
        raise invalid(message, param="url")
    return base.with_query(None).with_fragment(None)
