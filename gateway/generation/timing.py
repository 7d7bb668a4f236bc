"""The moments of one generation, and the metrics computed from them. Pure."""

from typing import Final

from gateway.generation.content_counter import ContentCounter
from gateway.protocol.events import Metrics

MIN_STREAMED_SECONDS: Final = 0.1
"""Minimum time between the first content and the end for which a rate is given.

What arrives in one read, as from a cache, takes microseconds: its rate would be one of this process, in millions of
characters per second, and no reader of it has seen the text appear.
"""


def milliseconds(seconds: float) -> float:
    """Return seconds as milliseconds, rounded to microseconds."""
    return round(seconds * 1000, 3)


class Timing:
    """When a generation was accepted, admitted, brought its first content, and ended; seconds of one clock."""

    __slots__ = ("accepted_at", "admitted_at", "ended_at", "first_content_at")

    def __init__(self, accepted_at: float) -> None:
        self.accepted_at = accepted_at
        self.admitted_at: float | None = None
        self.first_content_at: float | None = None
        self.ended_at: float | None = None

    def moments(self, shift: float) -> tuple[float, float | None, float | None]:
        """Return when it was accepted, admitted, and brought its first content, `shift` seconds later."""
        admitted, first = self.admitted_at, self.first_content_at
        return (
            self.accepted_at + shift,
            None if admitted is None else admitted + shift,
            None if first is None else first + shift,
        )

    def restore(self, accepted: float, admitted: float | None, first_content: float | None, shift: float) -> None:
        """Set the moments that `moments` returned, `shift` seconds later."""
        self.accepted_at = accepted + shift
        self.admitted_at = None if admitted is None else admitted + shift
        if first_content is not None:
            self.first_content_at = first_content + shift

    def metrics(self, request_id: str, counter: ContentCounter, attempts: int, revisions: int, now: float) -> Metrics:
        """Return the measurements up to now, or up to the end."""
        end = now if self.ended_at is None else self.ended_at
        left_queue_at = end if self.admitted_at is None else self.admitted_at
        first = self.first_content_at
        streamed = end - first if first is not None else 0.0
        return Metrics(
            request_id=request_id,
            ttft_ms=milliseconds(first - self.accepted_at) if first is not None else None,
            duration_ms=milliseconds(end - self.accepted_at),
            queue_ms=milliseconds(left_queue_at - self.accepted_at),
            chunks=counter.chunks,
            chars=counter.chars,
            bytes=counter.text_bytes,
            chars_per_s=round(counter.chars / streamed, 1) if streamed >= MIN_STREAMED_SECONDS else None,
            attempts=attempts,
            revisions=revisions,
        )
