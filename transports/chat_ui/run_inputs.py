"""The requests by which the runs of one protocol were started, for clients that join a run, or come back to it."""

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import orjson
from pydantic import JsonValue

from gateway.protocol.commands import JsonObject
from gateway.protocol.encoding import encode_kept
from gateway.replicas.values.value_renewal import keep_seconds
from gateway.security.principals import Principal
from gateway.store.errors import StoreError

if TYPE_CHECKING:
    from gateway.replicas.values.shared_state import SharedState

_KEPT = ("threadId", "runId", "parentRunId", "messages")


MAX_BYTES_PER_OWNER: Final = 16 << 20
"""Maximum bytes of the requests of one principal in the store; the oldest make room."""


class RunInputs:
    """Requests by the id of their generation, encoded: they may be large.

    Those of runs that go on are always kept, and count as memory of their prompts. Of others, the oldest make room.
    """

    def __init__(self, is_running: Callable[[str], bool], max_bytes: int = 64 << 20) -> None:
        self._is_running = is_running
        self._max_bytes = max_bytes
        self._encoded: dict[str, bytes] = {}
        self.size = 0

    def add(self, generation_id: str, body: JsonObject) -> bytes:
        """Keep what later events may need of a request; return what more is kept for its generation: it is counted."""
        if generation_id in self._encoded:
            return b""
        kept: dict[str, JsonValue] = {name: body[name] for name in _KEPT if name in body}
        encoded = self._encoded[generation_id] = encode_kept(kept)
        self.size += len(encoded)
        if self.size > self._max_bytes:
            self._make_room()
        return encoded

    def find(self, generation_id: str) -> JsonObject | None:
        """Return what was kept of a request; None if it is not kept."""
        encoded = self._encoded.get(generation_id)
        if encoded is None:
            return None
        body: JsonObject = orjson.loads(encoded)
        return body

    def forget(self, generation_id: str) -> None:
        """Forget a request; one that is not kept is ignored."""
        self.size -= len(self._encoded.pop(generation_id, b""))

    def _make_room(self) -> None:
        for generation_id in tuple(self._encoded):
            if self.size <= self._max_bytes:
                return
            if not self._is_running(generation_id):
                self.forget(generation_id)


class SharedRunInputs:
    """Requests of one protocol for all gateways. What fails to be stored is found on its own gateway alone."""

    def __init__(self, shared: "SharedState", protocol: str, retention: float) -> None:
        self._shared = shared
        self._protocol = protocol
        self._retention = retention

    async def add(self, generation_id: str, encoded: bytes, owner: Principal) -> None:
        """Store a request as long as its generation is kept."""
        key, quota, keep = self._key(generation_id), f"runs:{owner.id}", keep_seconds(self._retention)
        with suppress(StoreError):
            await self._shared.values.set({key: encoded}, keep)
            self._shared.renewal.add(generation_id, (key,), self._retention)
            size = {key: len(encoded)}
            dropped = await self._shared.quotas.add(quota, size, limit=MAX_BYTES_PER_OWNER, keep=keep)
            await self._shared.values.delete(dropped)

    async def find(self, generation_id: str) -> JsonObject | None:
        """Return what was stored of a request; None if it is not, or the store can't be read."""
        with suppress(StoreError):
            (encoded,) = await self._shared.values.get([self._key(generation_id)], keep_seconds(self._retention))
            if encoded is not None:
                body: JsonObject = orjson.loads(encoded)
                return body
        return None

    def _key(self, generation_id: str) -> str:
        return f"run:{self._protocol}:{generation_id}"
