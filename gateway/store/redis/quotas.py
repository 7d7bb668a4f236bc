"""Quotas in Redis: for each owner, a sorted set of names by the time they were added, and a hash of their sizes."""

from collections.abc import Mapping, Sequence
from typing import Final

from gateway.store.redis.calls import Command, ScriptCall
from gateway.store.redis.client import RedisClient
from gateway.store.redis.keys import Keys, milliseconds
from gateway.store.redis.replies import as_list, as_text
from gateway.store.redis.scripts import load_script

_ADD: Final = load_script("add_to_quota")
_REMOVE: Final = load_script("remove_from_quota")


class RedisQuotas:
    """Names by owner."""

    def __init__(self, client: RedisClient, keys: Keys) -> None:
        self._client = client
        self._keys = keys

    async def add(self, owner: str, sizes: Mapping[str, int], *, limit: int, keep: float) -> Sequence[str]:
        """Count names with their sizes; return the names of the oldest, which make room."""
        counted = [argument for named in sizes.items() for argument in named]
        call = ScriptCall(_ADD, self._keys.quota(owner), (limit, milliseconds(keep), *counted))
        return [*map(as_text, as_list(await self._client.call(call)))]

    async def remove(self, owner: str, names: Sequence[str]) -> None:
        """Count names no longer; unknown ones are ignored."""
        await self._client.call(ScriptCall(_REMOVE, self._keys.quota(owner), names))

    async def newest(self, owner: str, count: int) -> Sequence[str]:
        """Return the newest names of an owner, newest first, at most `count`."""
        order, _ = self._keys.quota(owner)
        reply = await self._client.call(Command(order, ("ZREVRANGE", order, 0, count - 1)))
        return [*map(as_text, as_list(reply))]
