"""Real clients through the gateway, over providers of each API. The drivers are in clients/drivers/."""

from collections.abc import Iterator

import pytest

from tests.integration.clients import page
from tests.integration.clients.installation import required_installation
from tests.integration.clients.stage import Stage, stage
from tests.integration.clients.table import DRIVERS, PROVIDER_APIS, Driver


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with stage(required_installation(), tmp_path_factory.mktemp("clients")) as scene:
        yield scene


# All scenarios of a client, one after the other: on busy cores they take minutes.
@pytest.mark.timeout(360)
@pytest.mark.parametrize("api", PROVIDER_APIS)
@pytest.mark.parametrize("driver", DRIVERS, ids=lambda driver: driver.name)
def test_client(scene: Stage, driver: Driver, api: str) -> None:
    verdicts = scene.run(driver, api)
    print(*verdicts, sep="\n")
    assert [str(verdict) for verdict in verdicts if not verdict.holds] == []
    assert sorted(verdict.scenario for verdict in verdicts) == sorted(driver.scenarios)
    written = page.PAGE.read_text("utf-8")
    assert [row for row in page.rows(driver, verdicts) if row not in written] == [], "`make clients` writes the page"
