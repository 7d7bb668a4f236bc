"""What someone finds who can read the Redis of a deployment; see docs/security.md."""

import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from redis import Redis

from gateway.config import Settings
from gateway.store.redis.store import RedisStore
from tests.gateway.api.test_tickets import ticket
from tests.served.clients import KEYS, Clients, clients, keys_file, with_keys
from tests.served.gateway import Configure, Served
from tests.served.pair import Pair, paired
from tests.served.viewers import until

__all__ = ["clients", "keys_file"]

PROMPT = "a prompt that nobody else may read"
IDEMPOTENCY_KEY = "order-4711-of-a-customer"


@pytest.fixture
def settings(settings: Settings, keys_file: Path) -> Settings:
    return with_keys(settings, keys_file)


@pytest.fixture
async def pair(settings: Settings, configure: Configure, redis_url: str) -> AsyncIterator[Pair]:
    prefix = f"t{secrets.token_hex(4)}"
    stores = [RedisStore(redis_url, prefix=prefix, timeout=5) for _ in range(2)]
    async with paired(settings, configure, stores=stores) as gateways:
        yield gateways


@pytest.fixture
def served(pair: Pair) -> Served:
    """Return the gateway that the clients use."""
    return pair.first


def everything(url: str) -> bytes:
    """Return all keys and values of a server."""
    with Redis.from_url(url) as redis:
        # Small values are in a dump as they are, after LZF only if they are long.
        redis.config_set("rdbcompression", "no")
        keys = list(redis.scan_iter())
        return b"\n".join(part for key in keys for part in (key, redis.dump(key) or b""))


async def test_it_holds_no_key_no_ticket_no_prompt_and_no_idempotency_key(
    pair: Pair, clients: Clients, redis_url: str
) -> None:
    text = await ticket(clients, scope="start")
    body = {"messages": [{"role": "user", "content": PROMPT}]}
    headers = {"Idempotency-Key": IDEMPOTENCY_KEY}
    async with clients.named("alice").post("/api/generations", json=body, headers=headers) as response:
        assert response.status == 201
        reading = (await response.json())["ticket"]
    pair.first.upstream.last.send("an answer that is stored")
    await until(lambda: b"an answer that is stored" in everything(redis_url))
    stored = everything(redis_url)
    for secret in (KEYS["alice"].secret, text, reading, PROMPT, IDEMPOTENCY_KEY):
        assert secret.encode() not in stored
