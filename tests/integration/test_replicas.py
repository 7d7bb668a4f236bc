"""Three gateways behind nginx on one Redis: viewers that move, one gateway killed, one drained; nothing is lost.

`make replicas` runs the same with 300 streams and three seeds.
"""

import asyncio
from pathlib import Path

from tests.integration.replicas.deployment import deployment
from tests.integration.replicas.report import details
from tests.integration.replicas.scenario import Plan, run

PLAN = Plan(
    streams=60, seed=1, starts_within=2, kill_at=3, drain_at=6, deadline=40, characters=(80, 220), speed=(22, 30)
)


def test_every_generation_is_whole_or_has_its_one_terminal_event(tmp_path: Path) -> None:
    with deployment(tmp_path, drain_timeout=2) as running:
        outcome = asyncio.run(run(running, PLAN))
        report = "\n".join([details(outcome), *(f"{replica.name}\n{replica.output}" for replica in running.replicas)])
    assert outcome.problems == [], report
    assert outcome.hanging == 0, report
    assert outcome.doubles == outcome.holes == 0, report
    assert outcome.generations == PLAN.streams, report
    assert outcome.whole > PLAN.streams / 4, report
    assert outcome.tally.moves > PLAN.streams, report
