"""The outcome of an attack, and its row on the page."""

import re
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass

from tests.integration.attacks.stage import Stage

_UNSTEADY = (
    (re.compile(r"g_[\w-]{22}"), "g_…"),
    (re.compile(r"\br_[\w-]{22}"), "r_…"),
    (re.compile(r"(?<=[\w\]]):\d{4,5}\b"), ":port"),
)
"""What differs from run to run: ids, and ports after a host."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One attack: what was done, what the attacker got, and what stopped it.

    `wrong` lists the conditions that do not hold: what the attacker got, or a control that failed. If `varies`, `got`
    depends on the machine's speed and may differ in another run.
    """

    attack: str
    how: str
    got: str
    stopped_by: str
    wrong: Sequence[str] = ()
    varies: bool = False

    def row(self) -> str:
        """Return a row of the page's tables."""
        failure = f"**got through; does not hold: {'; '.join(self.wrong)}**; " if self.wrong else ""
        cells = (self.attack, self.how, steady(failure + self.got), self.stopped_by)
        return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"


@dataclass(frozen=True, slots=True)
class Family:
    """Attacks of one kind; `run` runs them all."""

    title: str
    description: str
    run: Callable[[Stage], Coroutine[None, None, Sequence[Outcome]]]


def steady(text: str) -> str:
    """Remove what differs from run to run."""
    for pattern, put in _UNSTEADY:
        text = pattern.sub(put, text)
    return text


def unless(**conditions: object) -> list[str]:
    """List the names of the conditions that do not hold, for `Outcome.wrong`."""
    return [name.replace("_", " ") for name, holds in conditions.items() if not holds]
