"""The table of terminal and page, and the sentences below it. Pure."""

from collections.abc import Sequence
from typing import Final

from gateway.cli.bench.formats import UNKNOWN
from gateway.cli.bench.tables import Column
from gateway.cli.bench.transports.results import TITLES, Measure, Results

MEASURE: Final = Column[Measure]("", lambda measure: measure.title, left=True)
"""First column of the table, and of each part of a split one."""


def columns(results: Results) -> Sequence[Column[Measure]]:
    """Return the columns: p50 and p99 of each transport, and how each differs from the first."""
    first, *others = results.plan.transports
    figures = [column for transport in results.plan.transports for column in _figures(transport)]
    return (MEASURE, *figures, *(_difference(transport, first) for transport in others))


def _figures(transport: str) -> Sequence[Column[Measure]]:
    title = TITLES[transport]

    def p50(measure: Measure) -> str:
        found = measure.figures.get(transport)
        return UNKNOWN if found is None else measure.write(found.p50)

    def p99(measure: Measure) -> str:
        found = measure.figures.get(transport)
        return UNKNOWN if found is None else measure.write(found.p99)

    return Column(f"{title}\np50", p50, breaks=True), Column("\np99", p99)


def _difference(transport: str, first: str) -> Column[Measure]:
    return Column(
        f"{TITLES[transport]}\nagainst {TITLES[first]}",
        lambda measure: describe_difference(measure, transport, first),
        breaks=True,
    )


def describe_difference(measure: Measure, transport: str, first: str) -> str:
    """Return how a transport differs from the first one; "~" if not by more than chance."""
    found = measure.difference(transport, first)
    if found is None:
        return UNKNOWN
    if not found.is_real:
        return "~"
    sign = "+" if found.median > 0 else "-"
    return f"{sign}{measure.write(abs(found.median))}, {found.same_sign} of {found.rounds} rounds"


def notes(results: Results) -> list[str]:
    """Return what must be known to read the table."""
    plan, machine = results.plan, results.machine
    load = [UNKNOWN if value is None else f"{value:.2f}" for value in machine.load]
    lines = [
        f"{plan.rounds} rounds, in each {plan.concurrency} at once on each transport; {machine.url}"
        + (" (started for this run, with a simulated provider)" if machine.is_own else ""),
        f"load of this machine: {load[0]} at the beginning, {load[-1]} at the end; {machine.cpus or UNKNOWN} CPUs",
        "~: no difference beyond chance. Else the median of the rounds' differences, and how many rounds agree.",
    ]
    if results.same_clock is None:
        lines.append(
            "No delay of chunks: only the simulator tells when it sent them. The gaps show the provider's pace."
        )
    elif not results.same_clock:
        lines.append("The provider has another clock: delays are those above the fastest chunk of each round.")
    return lines


def problems(results: Results) -> list[str]:
    """Return one line for each transport and failure."""
    return [
        f"{TITLES[transport]}: {code}, {count} times: {message}"
        for transport, failures in results.failures.items()
        for (code, message), count in failures.most_common()
    ]
