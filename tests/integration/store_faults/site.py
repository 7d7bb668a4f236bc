"""Two gateways with one Redis: each reaches it by a link of its own."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass

import aiohttp

from tests.integration.processes import Server, gateway
from tests.integration.store_faults.link import Link
from tests.integration.store_faults.servers import RedisServer, redis_servers

UP_SECONDS = 15.0


@dataclass
class Site:
    """The parts that a scenario works on. `redis` is in use, `spare` is a second server beside it."""

    gateways: Sequence[Server]
    links: Sequence[Link]
    redis: RedisServer
    spare: RedisServer
    http: aiohttp.ClientSession
    seconds: float
    """How long a fault lasts."""
    lease: float

    async def until_up(self) -> None:
        """Wait until both gateways can use the store."""
        deadline = time.monotonic() + UP_SECONDS
        for server in self.gateways:
            while await self._status(f"{server.url}/ready") != 200:
                assert time.monotonic() < deadline, server.output[-3000:]
                await asyncio.sleep(0.05)

    async def _status(self, url: str) -> int:
        async with self.http.get(url) as response:
            return response.status

    def log_lines(self, since: Sequence[int]) -> list[str]:
        """Return what the gateways have logged after these positions of their outputs."""
        found = [server.output[position:] for server, position in zip(self.gateways, since, strict=True)]
        return [line for text in found for line in text.splitlines() if re.search(r"WARNING|ERROR|Traceback", line)]


@asynccontextmanager
async def site(seconds: float, settings: Mapping[str, object]) -> AsyncIterator[Site]:
    """Yield two gateways that share a Redis; faults last `seconds`."""
    with ExitStack() as stack:
        redis, spare = stack.enter_context(redis_servers(2))
        async with AsyncExitStack() as running:
            links = [await running.enter_async_context(Link(redis.port)) for _ in range(2)]
            owner_timeout = float(str(settings.get("owner_timeout", 5)))
            values = {"max_concurrent": 0, "rate_limit_per_minute": 0, **settings}

            def start(link: Link) -> Server:
                return stack.enter_context(gateway(store=f"redis://127.0.0.1:{link.port}", **values))

            # Each in a thread: the links work in this loop.
            gateways = [await asyncio.to_thread(start, link) for link in links]
            connector = aiohttp.TCPConnector(limit=0)
            http = await running.enter_async_context(
                aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=60))
            )
            found = Site(gateways, links, redis, spare, http, seconds, owner_timeout * 0.6)
            await found.until_up()
            yield found
            # They end while their links still work.
            await asyncio.to_thread(stack.close)
