"""A limit by address, as it is set for all. Pure."""

from dataclasses import dataclass
from typing import Final

from gateway.addresses import is_local


@dataclass(frozen=True, slots=True)
class AddressLimit:
    """How many an address may have; 0 means no limit.

    `most` None: it is not set, and then `default` holds, but for this machine's own addresses: who comes from there is
    a proxy that everybody comes by, or its owner.
    """

    most: int | None = 0
    default: int = 0

    def of(self, address: str) -> int:
        """Give the limit of an address; of "" that of what is no address."""
        if self.most is not None:
            return self.most
        return 0 if is_local(address) else self.default


NO_LIMIT: Final = AddressLimit()
