"""The metrics of this process, and of the workers beside it."""

from collections.abc import Awaitable, Callable

from gateway.telemetry.metrics.registry import Registry
from gateway.telemetry.metrics.snapshot import Snapshot

Gather = Callable[[Snapshot], Awaitable[Snapshot]]
"""Returns the values of all workers, for those of this one."""


class Metrics:
    """What `GET /metrics` shows. `gather` is set in a worker."""

    def __init__(self, registry: Registry | None = None) -> None:
        self.registry = registry or Registry()
        self.gather: Gather | None = None

    async def snapshot(self) -> Snapshot:
        """Return the values of this process, or of all workers together."""
        own = self.registry.snapshot()
        return own if self.gather is None else await self.gather(own)
