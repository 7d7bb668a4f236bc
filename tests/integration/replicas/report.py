"""The figures of runs, as a table. Pure."""

from collections import Counter
from collections.abc import Sequence

from tests.integration.replicas.scenario import Outcome


def table(outcomes: Sequence[Outcome]) -> str:
    """Return a Markdown table with a column for each run."""
    rows = [
        ("generations", [f"{outcome.generations:,}" for outcome in outcomes]),
        ("viewers, over seven transports and clients", [f"{outcome.viewers:,}" for outcome in outcomes]),
        ("whole: all of the text, once and in order, and `complete`", [f"{outcome.whole:,}" for outcome in outcomes]),
        ("ended otherwise, each with its one terminal event", [_listed(outcome.ended) for outcome in outcomes]),
        ("moves of viewers to another connection", [f"{outcome.tally.moves:,}" for outcome in outcomes]),
        ("connections that broke, and refusals for now", [f"{outcome.tally.breaks:,}" for outcome in outcomes]),
        ("`gap` events", [f"{outcome.gaps:,}" for outcome in outcomes]),
        ("text or events twice", [f"**{outcome.doubles}**" for outcome in outcomes]),
        ("text or events left out", [f"**{outcome.holes}**" for outcome in outcomes]),
        ("viewers that waited in vain", [f"**{outcome.hanging}**" for outcome in outcomes]),
        ("logs read again from each gateway at the end", [f"{outcome.logs:,}" for outcome in outcomes]),
        ("anything else that was wrong", [f"**{len(outcome.problems)}**" for outcome in outcomes]),
        ("seconds", [f"{outcome.seconds:.0f}" for outcome in outcomes]),
    ]
    head = ["| | " + " | ".join(f"seed {outcome.plan.seed}" for outcome in outcomes) + " |"]
    head.append("|---|" + "---|" * len(outcomes))
    return "\n".join([*head, *(f"| {name} | {' | '.join(cells)} |" for name, cells in rows)])


def details(outcome: Outcome) -> str:
    """Return what happened in a run, and what was wrong."""
    broken = [f"{count} x {reason}" for reason, count in outcome.tally.reasons.most_common(12)]
    restarts = sum(outcome.tally.starts.values()) - outcome.plan.streams
    lines = [
        f"seed {outcome.plan.seed}: {'; '.join(outcome.notes)}",
        f"starts repeated: {restarts}; bodies that ended cleanly without an end: {outcome.tally.clean_ends}",
        *(f"  broken: {reason}" for reason in broken),
        *(f"  WRONG: {problem}" for problem in outcome.problems[:40]),
    ]
    return "\n".join(lines)


def _listed(ends: Counter[str]) -> str:
    return ", ".join(f"{count} `{name}`" for name, count in ends.most_common()) or "0"
