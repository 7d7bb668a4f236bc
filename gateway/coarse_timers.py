"""Timers for long delays, many of which share one timer of the event loop.

A timer of uvloop takes 600 bytes, and a stream has several that are nearly always cancelled. Those that fall due in the
same tick are kept in one slot, from which a cancelled one is removed at once: a hashed timing wheel (Varghese and
Lauck, "Hashed and Hierarchical Timing Wheels", SOSP 1987).
"""

import asyncio
from collections.abc import Callable, Iterator
from contextvars import Context
from itertools import islice
from math import ceil
from typing import Final

TICK_SECONDS: Final = 0.125
"""How much later than its delay a timer may call."""

SLICE: Final = 64
"""Timers of a slot that are called in one turn of the event loop: sockets are read between the slices."""


class CoarseTimer:
    """A call that is due at the end of a tick."""

    __slots__ = ("_slot", "callback")

    def __init__(self, slot: "_Slot", callback: Callable[[], None]) -> None:
        self._slot = slot
        self.callback: Callable[[], None] | None = callback
        slot[self] = None

    def cancel(self) -> None:
        """Cancel the call. Does nothing after it was made."""
        self._slot.pop(self, None)
        # It may refer to what holds this timer: a reference cycle.
        self.callback = None


_Slot = dict[CoarseTimer, None]
"""The timers of one tick, in the order in which they were started."""


class CoarseTimers:
    """The pending timers of an event loop, by tick."""

    __slots__ = ("_loop", "_slots")

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._slots: dict[int, _Slot] = {}

    def call_later(self, loop: asyncio.AbstractEventLoop, delay: float, callback: Callable[[], None]) -> CoarseTimer:
        """Call `callback` once, in `delay` seconds or up to a tick later. A slot belongs to the loop that began it."""
        if loop is not self._loop:
            self._loop, self._slots = loop, {}
        tick = ceil((loop.time() + delay) / TICK_SECONDS)
        slot = self._slots.get(tick)
        if slot is None:
            slot = self._slots[tick] = {}
            # An empty context: that of the first timer is not that of the others.
            loop.call_at(tick * TICK_SECONDS, self._fire, loop, self._slots, tick, context=Context())
        return CoarseTimer(slot, callback)

    def _fire(self, loop: asyncio.AbstractEventLoop, slots: dict[int, _Slot], tick: int) -> None:
        slot = slots.pop(tick)
        self._call(loop, slot, iter(tuple(slot)))

    def _call(self, loop: asyncio.AbstractEventLoop, slot: _Slot, timers: Iterator[CoarseTimer]) -> None:
        """Call a slice of the timers that were not cancelled, and the others in the next turns."""
        try:
            for timer in islice(timers, SLICE):
                if (callback := timer.callback) is not None:
                    timer.cancel()
                    callback()
        finally:
            # Also after an exception, which the loop reports.
            if slot:
                loop.call_soon(self._call, loop, slot, timers, context=Context())
