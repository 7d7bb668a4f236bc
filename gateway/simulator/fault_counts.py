"""Faults that end after some calls, so that a retry is seen to succeed."""

from collections import OrderedDict
from dataclasses import replace
from typing import Final

from gateway.simulator.settings import SimulatorSettings

_MAX_RUNS: Final = 10_000


class FaultCounts:
    """Counts the calls of each run that had its fault; the last 10,000 runs are kept."""

    def __init__(self) -> None:
        self._counts: OrderedDict[str, int] = OrderedDict()

    def apply(self, settings: SimulatorSettings) -> SimulatorSettings:
        """Return the settings of one call: without the fault, once its run has had it so many times."""
        if settings.fault is None or settings.times is None:
            return settings
        count = self._counts.pop(settings.run, 0)
        self._counts[settings.run] = count + 1
        if len(self._counts) > _MAX_RUNS:
            self._counts.popitem(last=False)
        return settings if count < settings.times else replace(settings, fault=None)
