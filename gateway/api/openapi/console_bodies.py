"""Responses of the console's routes as classes; see `response_bodies`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from gateway.api.console.view import GatewayRow, Row
from gateway.telemetry.history import Bucket
from gateway.telemetry.summary import GenerationSummary


@dataclass(frozen=True, slots=True)
class ConsoleSnapshot:
    """What all gateways run at a time in seconds since 1970; `omitted` counts those that are not listed."""

    time: float
    gateways: list[GatewayRow]
    running: list[Row]
    omitted: int


@dataclass(slots=True)
class EndedGeneration(GenerationSummary):
    """A generation that has ended on a gateway; "" without a shared store."""

    gateway: str


@dataclass(frozen=True, slots=True)
class ConsoleRecent:
    """The newest ends of all gateways, newest first."""

    recent: list[EndedGeneration]


@dataclass(frozen=True, slots=True)
class ConsoleHistory:
    """The last hour in buckets of `bucket_seconds`, oldest first; those in which nothing happened are missing.

    Histograms count by the upper bounds `bounds_ms` (`ttft`) and `gap_bounds_ms` (`gaps`), with one more count for what
    is longer; they are empty without any. `missing` are gateways that did not answer.
    """

    bucket_seconds: int
    bounds_ms: list[float]
    gap_bounds_ms: list[float]
    buckets: list[Bucket]
    missing: list[str]


CONSOLE_RESPONSES: Final[Sequence[type]] = (ConsoleSnapshot, ConsoleRecent, ConsoleHistory)
