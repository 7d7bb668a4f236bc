"""What this gateway shares with the others beside generations: names, budgets, tickets, circuit breakers."""

from collections.abc import Mapping
from dataclasses import replace

from gateway.clock import Clock
from gateway.pipeline.hub import Hub
from gateway.replicas.limits.budget_sync import BudgetSync
from gateway.replicas.limits.circuits import Circuits
from gateway.replicas.membership.info import decode_info, encode_info
from gateway.replicas.policy import StoreDown
from gateway.replicas.values.aliases import Aliases
from gateway.replicas.values.tickets import SharedTickets
from gateway.replicas.values.value_renewal import ValueRenewal
from gateway.replicas.values.write_behind import WriteBehind
from gateway.security.tickets import TicketStore
from gateway.store.base import Store


class SharedState:
    """The parts, and what is done for them with each renewal of the lease."""

    def __init__(self, store: Store, replica: str, hub: Hub, clock: Clock, store_down: StoreDown) -> None:
        self.values = store.values
        self.quotas = store.quotas
        self.renewal = ValueRenewal(store.values, clock, hub.is_running)
        self.aliases = Aliases(store.values, self.renewal)
        self.budgets = BudgetSync(store.budgets, replica, hub.budgets, clock)
        self.tickets = SharedTickets(
            store.values, store.quotas, clock, TicketStore() if store_down == "local" else None
        )
        self.writes = WriteBehind()
        self._circuits = Circuits(lambda: hub.models)
        self._replica = replica
        self._clock = clock

    def info(self, settings: str) -> bytes:
        """Return what this gateway tells the others with its lease; `settings` is the digest of its settings."""
        return encode_info(replace(self._circuits.report(self._clock.now()), settings=settings))

    async def on_renewed(self, alive: Mapping[str, bytes]) -> None:
        """Adopt what the others tell, and renew what is kept for generations that run here.

        Raises:
            StoreError: it is tried again with the next renewal.
        """
        others = {name: decode_info(data) for name, data in alive.items() if name != self._replica}
        self._circuits.apply(others, self._clock.now())
        await self.renewal.renew()
