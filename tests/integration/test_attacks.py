"""Attacks on gateways with default settings: none gets what it must not get (docs/reports/attacks.md)."""

from collections.abc import Iterator

import pytest

from tests.integration.attacks.outcome import Family, Outcome
from tests.integration.attacks.page import FAMILIES, PAGE, section
from tests.integration.attacks.stage import Stage, stage

MAX_WAIT_SECONDS = 14.0
"""Enough for timeouts of up to ten seconds; `make attacks` waits for the longer ones."""


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with stage(tmp_path_factory.mktemp("attacks"), MAX_WAIT_SECONDS) as attacked:
        yield attacked


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.title)
async def test_no_attack_gets_through_and_the_page_has_the_results(family: Family, attacked: Stage) -> None:
    outcomes = await family.run(attacked)
    assert [(outcome.attack, outcome.how, outcome.wrong, outcome.got) for outcome in outcomes if outcome.wrong] == []
    documented = PAGE.read_text("utf-8")
    assert [outcome.row() for outcome in outcomes if not outcome.varies and outcome.row() not in documented] == []
    assert [outcome.attack for outcome in outcomes if f"| {outcome.attack} | " not in documented] == []


def test_an_attack_that_gets_through_is_marked_on_the_page() -> None:
    outcome = Outcome("An attack", "somehow", "200 from http://127.0.0.1:40123", "nothing", ("nothing was started",))
    row = section(FAMILIES[0], [outcome]).splitlines()[-1]
    assert row.startswith(
        "| An attack | somehow | **got through; does not hold: nothing was started**; 200 from http://127.0.0.1:port"
    )
