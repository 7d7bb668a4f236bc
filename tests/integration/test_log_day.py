"""The log of a day: a real gateway, whose providers refuse and vanish, and the page that explains each line."""

from collections.abc import Mapping, Sequence

import pytest

from tests.integration.log_day import as_console, lines_of_the_page, masked, records, shown, the_day
from tests.log_events import events

RECORDS: list[Mapping[str, object]] = []


@pytest.fixture(name="day")
async def a_day() -> Sequence[Mapping[str, object]]:
    """Return the records of the log; the day is lived through once."""
    if not RECORDS:
        RECORDS.extend(records(await the_day()))
    return RECORDS


async def test_each_line_is_that_of_the_page(day: Sequence[Mapping[str, object]]) -> None:
    lines = [masked(as_console(record)) for record in shown(day)]
    assert lines == list(map(masked, lines_of_the_page())), "python -m tests.integration.log_day writes the page"


async def test_each_record_has_the_fields_of_its_event(day: Sequence[Mapping[str, object]]) -> None:
    every = {"time", "level", "logger", "pid", "event", "message"}
    for record in day:
        assert record.keys() - every <= events()[str(record["event"])], record


async def test_no_key_of_a_provider_and_no_content_is_logged(day: Sequence[Mapping[str, object]]) -> None:
    for secret in ("sk-hush", "Tell me a story", "Once upon"):
        assert secret not in str(day)
