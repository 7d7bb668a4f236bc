"""Counts of streams in Redis: a hash for each client or address, by gateway."""

from collections.abc import Mapping, Sequence
from typing import Final

from gateway.store.redis.calls import ScriptCall
from gateway.store.redis.client import RedisClient, checked
from gateway.store.redis.keys import Keys, milliseconds
from gateway.store.redis.replies import Reply, as_int, as_list, as_text
from gateway.store.redis.scripts import load_script

KEEP_SECONDS: Final = 3600.0
"""How long counts are kept that are not reported again: those of gateways that have died are of no use."""

_REPORT: Final = load_script("report_streams")


class RedisStreams:
    """Counts by key and gateway."""

    def __init__(self, client: RedisClient, keys: Keys) -> None:
        self._client = client
        self._keys = keys

    async def report(self, replica: str, counts: Mapping[str, int]) -> Mapping[str, Mapping[str, int]]:
        """Set how many streams a gateway has open for each key; return the counts of all gateways for these keys."""
        keep = milliseconds(KEEP_SECONDS)
        calls = [
            ScriptCall(_REPORT, (self._keys.streams(key),), (replica, count, keep)) for key, count in counts.items()
        ]
        replies = checked(await self._client.run(calls))
        return {key: _counts(as_list(reply)) for key, reply in zip(counts, replies, strict=True)}


def _counts(reply: Sequence[Reply]) -> dict[str, int]:
    return {as_text(name): as_int(count) for name, count in zip(reply[::2], reply[1::2], strict=True)}
