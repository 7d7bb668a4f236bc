"""Chat UIs and plain readers of streams, unmodified, through the gateway. The drivers are in clients/drivers/."""

from collections.abc import Iterator

import pytest

from tests.integration.clients import page
from tests.integration.clients.installation import installation
from tests.integration.clients.stage import UI_HEARTBEAT, Stage, stage
from tests.integration.clients.table import UI_API, UI_DRIVERS, Driver


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with stage(installation(), tmp_path_factory.mktemp("clients"), heartbeat=UI_HEARTBEAT) as scene:
        yield scene


# All scenarios of a client, one after the other: on busy cores they take minutes.
@pytest.mark.timeout(360)
@pytest.mark.parametrize("driver", UI_DRIVERS, ids=lambda driver: driver.name)
def test_client(scene: Stage, driver: Driver) -> None:
    verdicts = scene.run(driver, UI_API)
    print(*verdicts, sep="\n")
    assert [str(verdict) for verdict in verdicts if not verdict.holds] == []
    assert sorted(verdict.scenario for verdict in verdicts) == sorted(driver.scenarios)
    written = page.PAGE.read_text("utf-8")
    assert [row for row in page.rows(driver, verdicts) if row not in written] == [], "`make clients` writes the page"
