"""docs/attacks.md: what each attacker got."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from tests.integration.attacks import cross_site, injection, oversize, ownership, secrecy, slowloris, smuggling, tickets
from tests.integration.attacks.outcome import Family, Outcome

PAGE: Final = Path(__file__).parents[3] / "docs" / "attacks.md"

FAMILIES: Final[tuple[Family, ...]] = (
    cross_site.FAMILY,
    tickets.FAMILY,
    ownership.FAMILY,
    smuggling.FAMILY,
    oversize.FAMILY,
    slowloris.FAMILY,
    injection.FAMILY,
    secrecy.FAMILY,
)

INTRODUCTION: Final = """\
# Attacks

What attackers got, who were let loose on gateways as they come: real processes and sockets, a real Chromium, a real
nginx with [our configuration](nginx.md), and a provider of the worst kind, which remembers all that it is asked.
`make attacks` carries them all out and writes this page; `make test` does it, too, with less patience, and compares.
What protects whom stands in [security.md](security.md).

*Got* is what was printed: status, code, close code, message. A row that says **got through** tells of an attack that
succeeded, and what does not hold; the test fails then. Rows that begin with (control) are in order, and must work:
without them nothing would show that the attacks can.

Two gateways are attacked, each before the same provider: one without keys, as it comes, and one with keys, among whose
holders are alice, the victim, and bob, who has a key of his own. *Directly* and *nginx* are the two ways to the latter.
Limits that count requests are out of the way, where it is not they that are attacked.
"""


def section(family: Family, outcomes: Sequence[Outcome]) -> str:
    """Write what came of one family."""
    head = "| attack | how | got | what stopped it |\n|---|---|---|---|"
    return "\n".join([f"## {family.title}\n\n{family.says}\n\n{head}", *(outcome.row() for outcome in outcomes)])


def write(outcomes: Mapping[str, Sequence[Outcome]]) -> None:
    """Write the page."""
    sections = [section(family, outcomes[family.title]) for family in FAMILIES]
    PAGE.write_text("\n\n".join([INTRODUCTION.strip(), *sections]) + "\n", "utf-8")
