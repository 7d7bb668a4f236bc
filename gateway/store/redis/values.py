"""Values in Redis: a string for each, on the node of a cluster that its key belongs to."""

from collections.abc import Mapping, Sequence
from typing import Final

from gateway.store.redis.calls import Command, ScriptCall
from gateway.store.redis.client import RedisClient, checked
from gateway.store.redis.keys import Keys, milliseconds
from gateway.store.redis.replies import as_bytes, as_int
from gateway.store.redis.scripts import load_script

_SWAP: Final = load_script("swap")


class RedisValues:
    """Values by key."""

    def __init__(self, client: RedisClient, keys: Keys) -> None:
        self._client = client
        self._keys = keys

    async def get(self, keys: Sequence[str], keep: float | None = None) -> Sequence[bytes | None]:
        """Return the values of keys, None for what is unknown or has expired; with `keep`, those found are renewed."""
        if keep is None:
            calls = [Command(key, ("GET", key)) for key in map(self._key, keys)]
        else:
            calls = [Command(key, ("GETEX", key, "PX", milliseconds(keep))) for key in map(self._key, keys)]
        replies = checked(await self._client.run(calls))
        return [None if reply is None else as_bytes(reply) for reply in replies]

    async def set(self, values: Mapping[str, bytes], keep: float) -> None:
        """Store values in place of those before."""
        stored = ((self._key(name), value) for name, value in values.items())
        await self._client.run_all(
            [Command(key, ("SET", key, value, "PX", milliseconds(keep))) for key, value in stored]
        )

    async def swap(self, key: str, expected: bytes | None, value: bytes, keep: float) -> bool:
        """Store a value if the one before is `expected`, None for no value; return False if not."""
        former = ("0", b"") if expected is None else ("1", expected)
        args = (*former, value, milliseconds(keep))
        return as_int(await self._client.call(ScriptCall(_SWAP, (self._key(key),), args))) == 1

    async def touch(self, keys: Sequence[str], keep: float) -> None:
        """Keep values from now on for `keep` seconds; unknown keys are ignored."""
        named = map(self._key, keys)
        await self._client.run_all([Command(key, ("PEXPIRE", key, milliseconds(keep))) for key in named])

    async def delete(self, keys: Sequence[str]) -> None:
        """Delete values; unknown keys are ignored."""
        await self._client.run_all([Command(key, ("UNLINK", key)) for key in map(self._key, keys)])

    def _key(self, name: str) -> str:
        return self._keys.tagged("value", name)
