"""Figures of each transport, and whether they differ by more than chance. Pure.

Each figure has a median in each round. In one round all transports were measured within seconds, so their medians are
compared as pairs: what slows down the machine or the network slows down both.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import comb
from statistics import median
from typing import Final

from gateway.cli.bench.transports.sample import Answer, Cpu, Recovery, Sample
from gateway.routing.percentile import percentile

SIGNIFICANCE: Final = 0.01
"""Probability up to which a difference counts as one: that of chance alone giving as many rounds the same sign.

It is low because a run compares about ten measures: at 5 %, every other run would show a difference that is none.
"""

SAME_CLOCK_SECONDS: Final = 1.0
"""Largest value of the smallest delay on one clock. Those of two machines differ by the times since their starts."""

ByRound = Mapping[int, Sequence[float]]
"""Values of one transport by round."""


@dataclass(frozen=True, slots=True)
class Figure:
    """Values of one transport: median and 99th percentile of all, and the median of each round."""

    p50: float
    p99: float
    count: int
    rounds: Mapping[int, float]


@dataclass(frozen=True, slots=True)
class Difference:
    """How a transport differs from the first one: median over the rounds, and in how many it had the same sign."""

    median: float
    same_sign: int
    rounds: int

    @property
    def is_real(self) -> bool:
        """Return True if chance alone is an unlikely cause (a sign test, two-sided)."""
        tail = sum(comb(self.rounds, successes) for successes in range(self.same_sign, self.rounds + 1))
        return bool(self.rounds) and 2 * tail / 2**self.rounds <= SIGNIFICANCE


def figure(values: ByRound) -> Figure | None:
    """Compute the figure of one transport; None without values."""
    known = {number: each for number, each in values.items() if each}
    every = [value for each in known.values() for value in each]
    p50, p99 = percentile(every, 0.5), percentile(every, 0.99)
    if p50 is None or p99 is None:
        return None
    return Figure(p50, p99, len(every), {number: median(each) for number, each in sorted(known.items())})


def difference(one: Figure, first: Figure) -> Difference | None:
    """Compare a transport with the first one, in the rounds that have both; None if there is none."""
    pairs = [one.rounds[number] - first.rounds[number] for number in one.rounds if number in first.rounds]
    if not pairs:
        return None
    more, less = sum(pair > 0 for pair in pairs), sum(pair < 0 for pair in pairs)
    # Rounds without a difference say nothing.
    return Difference(median(pairs), max(more, less), more + less)


def answers(samples: Iterable[Sample], values: Callable[[Answer], Iterable[float]]) -> dict[str, ByRound]:
    """Return values of complete answers, by transport and round."""
    return _collect((each, values(each.outcome)) for each in samples if isinstance(each.outcome, Answer))


def recoveries(samples: Iterable[Sample], value: Callable[[Recovery], float]) -> dict[str, ByRound]:
    """Return values of answers that were cut and stopped, by transport and round."""
    return _collect((each, [value(each.outcome)]) for each in samples if isinstance(each.outcome, Recovery))


def cpu_per_event(turns: Iterable[Cpu], seconds: Callable[[Cpu], float | None]) -> dict[str, ByRound]:
    """Return CPU seconds for each event, by transport and round."""
    return _collect(
        (turn, [used / turn.events]) for turn in turns if turn.events and (used := seconds(turn)) is not None
    )


def delays(samples: Sequence[Sample]) -> tuple[dict[str, ByRound], bool]:
    """Return the delays of chunks, and whether they were measured on one clock.

    If not, each is what it took longer than the fastest chunk of its round, on any transport: the difference of the
    clocks is the same for all of them. Clocks drift apart, so the rounds are compared with themselves.
    """
    measured = [each for each in samples if isinstance(each.outcome, Answer) and each.outcome.delays]
    fastest: dict[int, float] = {}
    for each in measured:
        if isinstance(each.outcome, Answer):
            fastest[each.round] = min(fastest.get(each.round, float("inf")), *each.outcome.delays)
    same_clock = all(0 <= value < SAME_CLOCK_SECONDS for value in fastest.values())
    return _collect(
        (each, [delay - (0.0 if same_clock else fastest[each.round]) for delay in each.outcome.delays])
        for each in measured
        if isinstance(each.outcome, Answer)
    ), same_clock


def _collect(values: Iterable[tuple[Sample | Cpu, Iterable[float]]]) -> dict[str, ByRound]:
    collected: dict[str, dict[int, list[float]]] = {}
    for source, each in values:
        collected.setdefault(source.transport, {}).setdefault(source.round, []).extend(each)
    return dict(collected)
