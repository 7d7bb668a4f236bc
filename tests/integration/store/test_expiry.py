"""What a gateway leaves in Redis when it dies expires."""

from redis import Redis

from gateway.store.redis.store import RedisStore
from tests.gateway.store.contract.shared import append, chunks, end, head


async def test_the_names_of_what_a_gateway_owns_expire_although_it_owned_nothing_meanwhile(redis_url: str) -> None:
    store = RedisStore(redis_url, prefix="expiry", timeout=5)
    await store.start()
    owned = store.keys.owned("a")
    with Redis.from_url(redis_url) as redis:
        for name in ("g_1", "g_2"):
            await store.logs.create(head(name), chunks(1, 1), 60)
            assert redis.pttl(owned) > 0
            await store.logs.append([append(name, end(2))])
            assert not redis.exists(owned)
        await store.logs.create(head("g_3"), chunks(1, 1), 60)
        await store.logs.delete("g_3")
        await store.logs.create(head("g_4"), chunks(1, 1), 60)
        assert redis.pttl(owned) > 0
    await store.close()
