"""What a start has been granted before the hub starts it, where several gateways share the limits."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from gateway.admission.slots import SlotRequest


class SlotSource(Protocol):
    """Where a pipeline gets its slot: `Slots`, or one that has been requested already."""

    @property
    def queued(self) -> int:
        """Return the number of waiting requests."""
        ...

    def request(
        self, principal: str, now: float, on_change: Callable[[], None], max_concurrent: int | None = None
    ) -> SlotRequest:
        """Request a slot; see `Slots.request`."""
        ...

    def release(self, slot_request: SlotRequest, now: float) -> None:
        """Release a slot or leave the queue; see `Slots.release`."""
        ...

    def eta_ms(self, slot_request: SlotRequest) -> int | None:
        """Estimate the wait for a slot in ms; None if unknown."""
        ...


@dataclass(frozen=True, slots=True)
class Admission:
    """A start that is counted in the rate limits already, with the id of its generation and its slot.

    Its idempotency key, if it has one, is known to be new.
    """

    generation_id: str
    slots: SlotSource
