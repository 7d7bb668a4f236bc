"""End this gateway without losing an answer: what it runs is finished first, and its clients read from the others."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateway.pipeline.hub import Hub

if TYPE_CHECKING:
    from gateway.replicas.replica import Replica


@dataclass(frozen=True, slots=True)
class Drain:
    """The end of a gateway; `replica` is its part of a deployment, None without a shared store."""

    hub: Hub
    replica: "Replica | None"

    @property
    def moves_clients(self) -> bool:
        """Return True if clients can read elsewhere what runs here: others are alive, and the store can be used."""
        return self.replica is not None and self.replica.health.is_up and not self.replica.is_alone

    async def run(self, seconds: float) -> int:
        """Refuse new starts, wait up to `seconds` for what runs, then end the rest with `shutting_down`.

        Return how many generations were ended so. If clients can be moved, they are sent to the other gateways at once,
        and read there what still runs here. By the policy `continue`, the others continue the rest.
        """
        moved_to = self.replica if self.moves_clients else None
        if moved_to is not None:
            self.hub.departures.begin()
        deadline = self.hub.clock.now() + seconds
        await self.hub.wait_until_idle(seconds)
        if self.hub.running and moved_to is not None and moved_to.policy.on_owner_lost == "continue":
            await moved_to.hand_over()
        unfinished = self.hub.running
        await self.hub.drain(max(0.0, deadline - self.hub.clock.now()))
        return unfinished
