"""The observer behind the console: the last hour, the newest ends, and who views what."""

import time
from collections.abc import Callable, Mapping
from math import inf
from typing import Final

from gateway.telemetry.history import EndFacts, History, Output, Totals
from gateway.telemetry.observer import Observer
from gateway.telemetry.recent import Recent
from gateway.telemetry.summary import GenerationSummary
from gateway.telemetry.viewer_counts import NO_VIEWERS, with_viewer, without_viewer

SAMPLE_SECONDS: Final = 5.0
"""Time between two samples at least, unless the history is read: summing up many series takes milliseconds."""


class Activity(Observer):
    """Keeps what the console shows of the past. `unix` returns seconds since 1970.

    Nothing is computed between ends: `totals` is called at them, and when the history is read.
    """

    def __init__(self, unix: Callable[[], float] = time.time) -> None:
        self.history = History()
        self.recent = Recent[GenerationSummary]()
        self.totals: Callable[[], Totals] = Totals
        """Returns what is counted elsewhere since the start of the process."""
        self._unix = unix
        self._sampled_at = -inf
        self._viewers: dict[str, Mapping[str, int]] = {}

    def on_viewer(self, generation_id: str, transport: str, *, resumed: bool) -> None:
        """Count a viewer."""
        self._viewers[generation_id] = with_viewer(self.viewers(generation_id), transport)

    def on_viewer_left(self, generation_id: str, transport: str) -> None:
        """Uncount a viewer."""
        left = without_viewer(self.viewers(generation_id), transport)
        if left:
            self._viewers[generation_id] = left
        else:
            self._viewers.pop(generation_id, None)

    def on_end(self, summary: GenerationSummary) -> None:
        """Keep an end."""
        if self._unix() - self._sampled_at >= SAMPLE_SECONDS:
            self.sample()
        self.recent.add(summary)
        self.history.record_end(_facts(summary))

    def viewers(self, generation_id: str) -> Mapping[str, int]:
        """Return the viewers of a generation in this process, by transport."""
        return self._viewers.get(generation_id, NO_VIEWERS)

    def sample(self) -> None:
        """Add what was counted elsewhere to the history."""
        self._sampled_at = self._unix()
        self.history.sample(self._sampled_at, self.totals())


def _facts(summary: GenerationSummary) -> EndFacts:
    tokens, begin = summary.usage.output_tokens, summary.first_content_at
    output = Output(tokens, begin, summary.ended_at) if tokens and begin is not None else None
    # The plain text: the encoder of JSON takes no member of an enumeration as a key.
    end, ttft = str(summary.end), summary.metrics.ttft_ms
    code = None if summary.code is None else str(summary.code)
    return EndFacts(summary.ended_at, end, code, ttft, summary.cost_usd, output)
