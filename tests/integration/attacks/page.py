"""docs/reports/attacks.md: what each attacker got."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from tests.integration.attacks import cross_site, injection, oversize, ownership, secrecy, slowloris, smuggling, tickets
from tests.integration.attacks.outcome import Family, Outcome

PAGE: Final = Path(__file__).parents[3] / "docs" / "reports" / "attacks.md"

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

What attackers get from gateways with default settings. The suite uses real processes and sockets, a real Chromium, a
real nginx with [our configuration](../operations/nginx.md), and a malicious provider that records every request. `make
attacks` runs all attacks and writes this page; `make test` runs them with shorter waits and compares.
[security.md](../security.md) describes the threat model.

*Got* is what the attacker received: status, code, close code, message. A row with **got through** is an attack that
succeeded, with the condition that does not hold; the test then fails. Rows that begin with (control) are legitimate
requests that must work: they show that the attacks can reach the gateway.

Two gateways are attacked, both in front of the same provider: one without keys, and one with keys, where alice is the
victim and bob has a key of his own. *Directly* and *nginx* are the two ways to the latter. Limits that count requests
are off, except where they are the target.
"""


def section(family: Family, outcomes: Sequence[Outcome]) -> str:
    """Return the section of one family."""
    header = "| attack | how | got | what stopped it |\n|---|---|---|---|"
    return "\n".join(
        [f"## {family.title}\n\n{family.description}\n\n{header}", *(outcome.row() for outcome in outcomes)]
    )


def write(outcomes: Mapping[str, Sequence[Outcome]]) -> None:
    """Write the page."""
    sections = [section(family, outcomes[family.title]) for family in FAMILIES]
    PAGE.write_text("\n\n".join([INTRODUCTION.strip(), *sections]) + "\n", "utf-8")
