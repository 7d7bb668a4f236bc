"""Run all attacks and write docs/reports/attacks.md: `make attacks`."""

import asyncio
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tests.integration.attacks.outcome import Outcome
from tests.integration.attacks.page import FAMILIES, PAGE, write
from tests.integration.attacks.stage import stage

PATIENT_SECONDS: Final = 66.0
"""Seconds for slow attackers: longer than the limit for a request."""


def main() -> int:
    """Run all attacks, write the page in any case, and return 1 if one of them got through."""
    with TemporaryDirectory() as folder, stage(Path(folder), PATIENT_SECONDS) as scene:
        outcomes: dict[str, list[Outcome]] = {}
        for family in FAMILIES:
            outcomes[family.title] = list(asyncio.run(family.run(scene)))
    write(outcomes)
    every = [outcome for found in outcomes.values() for outcome in found]
    through = [f"{outcome.attack}: does not hold: {', '.join(outcome.wrong)}" for outcome in every if outcome.wrong]
    print(
        *through,
        f"{len(every)} attacks and controls, {len(through)} failed; {PAGE.name} is written",
        sep="\n",
    )
    return 1 if through else 0


if __name__ == "__main__":
    sys.exit(main())
