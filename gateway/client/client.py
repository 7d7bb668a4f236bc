"""The client: one HTTP session, and the answers that are read through it."""

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
    """A client of the gateway at `url`. Use it in `async with`, which closes all its connections at the end.

    `connect_s` is the maximum number of seconds to open a connection, `idle_s` the maximum without receiving any byte,
    heartbeats included. `notice` is called for each failed attempt that is followed by a retry.
    """

    def __init__(  # noqa: PLR0913 - settings, all passed by name
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
        self.url = _parse_url(url)
        if transport not in get_args(TransportName):
            message = f"transport: {transport!r} is unknown; use one of: {', '.join(get_args(TransportName))}"
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
        # No limit on connections: each answer holds one for as long as it streams.
        connector = aiohttp.TCPConnector(limit=0)
        session = aiohttp.ClientSession(connector=connector, headers=headers, timeout=timeout)
        commands = HttpCommands(session, self.url)
        connectors: dict[TransportName, Connector] = {
            "sse": EventStreamConnector(session, self.url, commands),
            "ws": WebSocketConnector(session, self.url, commands, idle_s=self._idle_s),
        }
        self._session = session
        self._opened = Shared(connectors, commands, self._retries, self._retry_policy)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        opened, session = self._opened, self._session
        self._opened = self._session = None
        if opened is not None:
            for answer in tuple(opened.connected):
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
        """Start a generation and return its answer once the gateway has accepted it. Retry where that is safe.

        Every attempt carries the same idempotency key: if the acceptance was lost, the retry finds the same generation
        instead of starting a second one.

        Raises:
            Refused: if the gateway refuses the request.
            Failed: `network_error`, if the gateway can't be reached.
        """
        messages: Messages = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else list(prompt)
        fields = {"messages": messages, "model": model, "options": options, "metadata": metadata}
        body = {name: value for name, value in fields.items() if value is not None}
        key = idempotency_key or secrets.token_urlsafe(16)
        retry_policy = self._retry_policy(self._retries.start_failures)
        while True:
            try:
                return await self._start(body, key)
            except (ConnectionLost, Refused) as error:
                await retry_policy.wait_after(error)

    def attach(self, generation_id: str, *, after: int | str | None = None) -> Answer:
        """Return an answer that reads an existing generation from its beginning, or after a position or seq.

        Nothing is sent before the answer is iterated over.

        Raises:
            Refused: if `after` is not a position of this generation.
        """
        if isinstance(after, str):
            named, after = parse_position(after)
            if named != generation_id:
                message = f"after: this is another generation's position ({named[:64]!r})."
                raise invalid(message, param="after")
        return Answer(View(generation_id, after=after or 0), self.transport, self._shared)

    @property
    def _shared(self) -> Shared:
        if self._opened is None:
            message = "use a Client inside `async with`"
            raise RuntimeError(message)
        return self._opened

    async def _start(self, body: Mapping[str, object], key: str) -> Answer:
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
        return Answer(View(first.generation_id), transport, shared, (feed, first))

    def _retry_policy(self, failures: int) -> RetryPolicy:
        return RetryPolicy(self._retries, failures, sleep=self._sleep, random=self._random, notice=self._notice)


def _parse_url(url: str) -> URL:
    parsed = URL(url if "://" in url else f"http://{url}")
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        message = f"url: {url!r} is not the address of a gateway: use one like http://127.0.0.1:8080."
        raise invalid(message, param="url")
    return parsed.with_query(None).with_fragment(None)
