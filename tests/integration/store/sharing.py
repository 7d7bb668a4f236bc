"""Stores in real servers, for the contract. Each test has a prefix of its own."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway.store.redis.store import RedisStore
from tests.gateway.store.contract.shared import SharedStore, in_real_time


@asynccontextmanager
async def share(url: str) -> AsyncIterator[SharedStore]:
    """Yield a store as two gateways see it that are connected to the same servers."""
    prefix = f"t{secrets.token_hex(4)}"
    first, second = (RedisStore(url, prefix=prefix, timeout=5) for _ in range(2))
    try:
        await first.start()
        await second.start()
        yield in_real_time(first, second)
    finally:
        await first.close()
        await second.close()
