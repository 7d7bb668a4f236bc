"""A store under test, with what lets its time pass."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from gateway.store.base import Store


@dataclass(frozen=True)
class Subject:
    """A store. `elapse` lets some seconds pass on its clock: real ones, or those of a clock moved by hand."""

    store: Store
    elapse: Callable[[float], Awaitable[None]]
