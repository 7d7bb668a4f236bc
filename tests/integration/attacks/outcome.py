"""What came of an attack, and how that is written down."""

import re
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass

from tests.integration.attacks.stage import Stage

_UNSTEADY = (
    (re.compile(r"g_[\w-]{22}"), "g_…"),
    (re.compile(r"\br_[\w-]{22}"), "r_…"),
    (re.compile(r"(?<=[\w\]]):\d{4,5}\b"), ":port"),
)
"""What differs from run to run: ids, and ports behind a host."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One attack: what was done, what the attacker got as it was answered, and what stopped it.

    `wrong` lists what does not hold: what the attacker won, or a control that failed. With `varies` the answer hangs on
    the machine's speed, so that another run may write another one.
    """

    attack: str
    how: str
    got: str
    stopped_by: str
    wrong: Sequence[str] = ()
    varies: bool = False

    def row(self) -> str:
        """Write it as a row of the page's tables."""
        won = f"**got through: not so: {'; '.join(self.wrong)}**; " if self.wrong else ""
        cells = (self.attack, self.how, steady(won + self.got), self.stopped_by)
        return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"


@dataclass(frozen=True, slots=True)
class Family:
    """Attacks of one kind; `run` carries them all out."""

    title: str
    says: str
    run: Callable[[Stage], Coroutine[None, None, Sequence[Outcome]]]


def steady(text: str) -> str:
    """Leave out what differs from run to run."""
    for pattern, put in _UNSTEADY:
        text = pattern.sub(put, text)
    return text


def unless(**holds: object) -> list[str]:
    """List what does not hold, by its name, for `Outcome.wrong`."""
    return [name.replace("_", " ") for name, is_so in holds.items() if not is_so]
