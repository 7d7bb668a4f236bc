"""What attackers get from gateways with default settings: nothing they must not have, and what docs/attacks.md says."""

from collections.abc import Iterator

import pytest

from tests.integration.attacks.outcome import Family, Outcome
from tests.integration.attacks.page import FAMILIES, PAGE, section
from tests.integration.attacks.stage import Stage, stage

HASTY_SECONDS = 14.0
"""Long enough for limits of up to ten seconds; `make attacks` waits for the longer ones."""


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with stage(tmp_path_factory.mktemp("attacks"), HASTY_SECONDS) as scene:
        yield scene


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.title)
async def test_nothing_is_got_and_the_page_says_so(family: Family, scene: Stage) -> None:
    outcomes = await family.run(scene)
    assert [(outcome.attack, outcome.how, outcome.wrong, outcome.got) for outcome in outcomes if outcome.wrong] == []
    documented = PAGE.read_text("utf-8")
    assert [outcome.row() for outcome in outcomes if not outcome.varies and outcome.row() not in documented] == []
    assert [outcome.attack for outcome in outcomes if f"| {outcome.attack} | " not in documented] == []


def test_what_gets_through_is_seen_on_the_page() -> None:
    outcome = Outcome("An attack", "somehow", "200 from http://127.0.0.1:40123", "nothing", ("nothing was started",))
    row = section(FAMILIES[0], [outcome]).splitlines()[-1]
    assert row.startswith(
        "| An attack | somehow | **got through; does not hold: nothing was started**; 200 from http://127.0.0.1:port"
    )
