"""Results of one run: each measure with the figures of all transports. Pure."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from gateway.cli.bench.formats import ms, number
from gateway.cli.bench.output import RunInfo
from gateway.cli.bench.transports.figures import (
    ByRound,
    Difference,
    Figure,
    answers,
    cpu_per_event,
    delays,
    difference,
    figure,
    recoveries,
)
from gateway.cli.bench.transports.plan import Plan
from gateway.cli.bench.transports.sample import Answer, Cpu, Failure, Sample

TITLES: Final[Mapping[str, str]] = {"sse": "SSE", "ws": "WebSocket", "poll": "long poll"}
"""Transports as tables and charts name them."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One thing that was measured, for each transport. `write` formats its values."""

    name: str
    title: str
    about: str
    write: Callable[[float | None], str]
    figures: Mapping[str, Figure]

    def difference(self, transport: str, first: str) -> Difference | None:
        """Compare a transport with the first one; None if one of them has no figure."""
        one, other = self.figures.get(transport), self.figures.get(first)
        return None if one is None or other is None else difference(one, other)


@dataclass(frozen=True, slots=True)
class Machine:
    """Where it was measured: the gateway's address, this machine, and its load at the beginning and the end."""

    url: str
    is_own: bool
    system: str
    cpus: int | None
    load: Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Results:
    """Results of a run."""

    plan: Plan
    info: RunInfo
    machine: Machine
    measures: Sequence[Measure]
    failures: Mapping[str, Counter[tuple[str, str]]]
    samples: Sequence[Sample]
    cpu: Sequence[Cpu]
    same_clock: bool | None
    """None: the answers had no stamps."""

    @property
    def broken(self) -> bool:
        """Return True if every answer of some transport failed."""
        answered = {each.transport for each in self.samples if not isinstance(each.outcome, Failure)}
        return any(transport in self.failures and transport not in answered for transport in self.plan.transports)


def build_results(
    plan: Plan, samples: Sequence[Sample], cpu: Sequence[Cpu], info: RunInfo, machine: Machine
) -> Results:
    """Compute the figures of all transports."""
    by_chunk, same_clock = delays(samples)
    known = [
        Measure(name, title, about, write, figures)
        for name, title, about, write, values in _values(samples, cpu, by_chunk, same_clock=same_clock)
        if (figures := _figures(values))
    ]
    failures: dict[str, Counter[tuple[str, str]]] = {}
    for each in samples:
        if isinstance(each.outcome, Failure):
            failures.setdefault(each.transport, Counter())[each.outcome.code, each.outcome.message] += 1
    clock = same_clock if by_chunk else None
    return Results(plan, info, machine, known, failures, samples, cpu, clock)


def size(value: float | None) -> str:
    """Format a number of bytes."""
    return number(None) if value is None else f"{number(value, 0 if value >= 10 else 1)} B"


def microseconds(value: float | None) -> str:
    """Format a short time."""
    return number(None) if value is None else f"{number(value * 1e6, 0)} µs"


def _figures(values: Mapping[str, ByRound]) -> dict[str, Figure]:
    return {transport: found for transport, by_round in values.items() if (found := figure(by_round)) is not None}


_Row = tuple[str, str, str, Callable[[float | None], str], Mapping[str, ByRound]]


def _values(
    samples: Sequence[Sample], cpu: Sequence[Cpu], by_chunk: Mapping[str, ByRound], *, same_clock: bool
) -> Sequence[_Row]:
    """Return name, title, explanation, format and values of each measure."""
    delay = (
        "From the moment the provider sent a chunk to the moment the client read it."
        if same_clock
        else "What a chunk took longer than the fastest one of its round: the provider has another clock."
    )
    return (
        ("delay", "Delay of a chunk", delay, ms, by_chunk),
        ("gap", "Gap between chunks", "Between two reads with content.", ms, answers(samples, _gaps)),
        (
            "accepted",
            "Start to accepted",
            "From the request to the first event, on a new connection.",
            ms,
            answers(samples, lambda answer: [answer.accepted]),
        ),
        (
            "ttft",
            "Time to first token",
            "From the request to the first content, on a new connection. The provider's own time is included.",
            ms,
            answers(samples, lambda answer: [answer.ttft]),
        ),
        (
            "reconnect",
            "Reconnect",
            "From opening a new connection to the first event that was missed.",
            ms,
            recoveries(samples, lambda recovery: recovery.reconnect),
        ),
        (
            "stop_ack",
            "Stop to acknowledgement",
            "From sending the interrupt to the gateway's reply.",
            ms,
            recoveries(samples, lambda recovery: recovery.stop_ack),
        ),
        (
            "stop_end",
            "Stop to terminal event",
            "From sending the interrupt to reading that it has ended: the provider's connection is closed by then.",
            ms,
            recoveries(samples, lambda recovery: recovery.stop_end),
        ),
        (
            "received",
            "Bytes received for an event",
            "All bytes of an answer's connection, with heads, frames and TLS, by its events.",
            size,
            answers(samples, lambda answer: [answer.traffic.received / answer.events]),
        ),
        (
            "sent",
            "Bytes sent for an answer",
            "The request with its head, and what the connection needs.",
            size,
            answers(samples, lambda answer: [answer.traffic.sent]),
        ),
        (
            "client_cpu",
            "CPU of the client for an event",
            "Of the Python client, connections included; one value for each round.",
            microseconds,
            cpu_per_event(cpu, lambda turn: turn.client),
        ),
        (
            "gateway_cpu",
            "CPU of the gateway for an event",
            "The gateway's process, starts and the provider's side included; one value for each round.",
            microseconds,
            cpu_per_event(cpu, lambda turn: turn.gateway),
        ),
    )


def _gaps(answer: Answer) -> Sequence[float]:
    return answer.gaps
