"""Failures of a store, translated from those of its client library at one edge."""

from typing import Final, Literal

StoreFault = Literal["unreachable", "timeout", "full", "read_only", "refused"]
"""Why a store fails: no connection, no reply in time, no memory left, a node that takes no writes, or an operator's
error, such as a wrong password."""

HEALS: Final[frozenset[StoreFault]] = frozenset({"unreachable", "timeout", "full", "read_only"})
"""Faults that may end without a change of the configuration."""


class StoreError(Exception):
    """The store did not do what it was asked. Whether it was done is not known after a time-out."""

    def __init__(self, fault: StoreFault, message: str) -> None:
        super().__init__(message)
        self.fault = fault
        self.message = message
