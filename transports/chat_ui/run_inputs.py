"""The requests by which the runs of one protocol were started, for clients that join a run, or come back to it."""

from collections.abc import Callable

import orjson
from pydantic import JsonValue

from gateway.protocol.commands import JsonObject

_KEPT = ("threadId", "runId", "parentRunId", "messages")


class RunInputs:
    """Requests by the id of their generation, encoded: they may be large.

    Those of runs that go on are always kept, and count as memory of their prompts. Of others, the oldest make room.
    """

    def __init__(self, is_running: Callable[[str], bool], max_bytes: int = 64 << 20) -> None:
        self._is_running = is_running
        self._max_bytes = max_bytes
        self._encoded: dict[str, bytes] = {}
        self.size = 0

    def add(self, generation_id: str, body: JsonObject) -> int:
        """Keep what later events may need of a request; return how many bytes more are kept for its generation."""
        if generation_id in self._encoded:
            return 0
        kept: dict[str, JsonValue] = {name: body[name] for name in _KEPT if name in body}
        encoded = self._encoded[generation_id] = orjson.dumps(kept)
        self.size += len(encoded)
        if self.size > self._max_bytes:
            self._make_room()
        return len(encoded)

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
