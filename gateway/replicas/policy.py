"""How a gateway takes part in a deployment. Pure."""

from dataclasses import dataclass
from typing import Final, Literal

OnOwnerLost = Literal["fail", "continue"]
StoreDown = Literal["refuse", "local"]

REPLY_SECONDS: Final = 5.0
"""Maximum time that a call of another gateway waits for its reply."""


@dataclass(frozen=True, slots=True)
class ReplicaPolicy:
    """The settings of these names; times in seconds."""

    owner_timeout: float = 5.0
    """Maximum time until the generations of a gateway that has died are ended, or continued."""
    store_delay: float = 0.2
    """Longest delay of a batch: what the death of a gateway may cost."""
    on_owner_lost: OnOwnerLost = "fail"
    store_down: StoreDown = "refuse"

    @property
    def lease(self) -> float:
        """Return how long a lease lasts: a death is noticed within it and one interval more."""
        return self.owner_timeout * 0.6

    @property
    def interval(self) -> float:
        """Return the time between two renewals."""
        return self.owner_timeout * 0.2

    @property
    def slot_lease(self) -> float:
        """Return how long the slots of a gateway are kept that does not use the store.

        Longer than an outage that all come through, after which no slot may be given to others: those of a
        gateway that is known to be dead are released at once.
        """
        return self.owner_timeout * 6
