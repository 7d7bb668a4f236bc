"""What the leases of many gateways cost one Redis: each renews its own every second, and gets those of all."""

import asyncio
import tempfile
from collections.abc import Sequence
from typing import Final

from redis import Redis

from gateway.store.redis.store import RedisStore
from tests.bench.measurement import cpu_time
from tests.bench.replicas.bed import NANOSECONDS
from tests.bench.servers import redis_server

INFO: Final = b"i" * 200
RENEWALS: Final = 500


def measure(sizes: Sequence[int]) -> str:
    """Return the cost of a renewal for each number of gateways."""
    with tempfile.NamedTemporaryFile("w+b") as log, redis_server(log) as server:
        lines = []
        for size in sizes:
            client = Redis(port=server.port)
            client.flushall()
            asyncio.run(_renew(server.port, size, size))
            before, sent = cpu_time([server.pid]), client.info("stats")["total_net_output_bytes"]
            asyncio.run(_renew(server.port, RENEWALS, size))
            used = (cpu_time([server.pid]) - before) / NANOSECONDS / RENEWALS
            sent = (client.info("stats")["total_net_output_bytes"] - sent) / RENEWALS
            lines.append(
                f"{size} gateways: {1e6 * used:.0f} µs of Redis and {sent:.0f} bytes for each renewal, so "
                f"{100 * used * size:.1f} % of a core and {sent * size / 1e6:.1f} MB a second for all"
            )
    return "\n".join(lines)


async def _renew(port: int, count: int, size: int) -> None:
    store = RedisStore(f"redis://127.0.0.1:{port}")
    await store.start()
    try:
        for number in range(count):
            await store.members.renew(f"r_{number % size:09}", 600, INFO)
    finally:
        await store.close()
