"""Gateways whose Redis fails: nothing is lost in silence, nothing comes twice. See docs/reports/store-faults.md."""

import asyncio

import pytest

from tests.integration.store_faults.faults import FAULTS
from tests.integration.store_faults.page import PAGE
from tests.integration.store_faults.run import Report
from tests.integration.store_faults.runner import run_all

SECONDS = 1.5
OWNER_TIMEOUT = 2
"""A lease of 1.2 s, which each fault outlasts."""


@pytest.fixture(scope="module")
def reports() -> dict[str, Report]:
    found = asyncio.run(run_all(SECONDS, lanes=3, owner_timeout=OWNER_TIMEOUT))
    return {report.fault.name: report for report in found}


@pytest.mark.parametrize("name", [fault.name for fault in FAULTS])
def test_nothing_is_lost_in_silence(reports: dict[str, Report], name: str) -> None:
    assert reports[name].deviations == []


def test_the_page_shows_every_fault() -> None:
    page = PAGE.read_text("utf-8")
    for fault in FAULTS:
        assert f"### {fault.name}\n" in page, f"{fault.name}: make store-faults writes the page"
