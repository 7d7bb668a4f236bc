"""One kind of line can't fill the log, and does not hide the others."""

import logging

from gateway.log_fields import log_fields
from gateway.telemetry.logs.format import NOT_LOGGED
from gateway.telemetry.logs.rate import BURST, RateFilter
from tests.manual_clock import ManualClock


def record(event: str | None = "refused", *, level: int = logging.WARNING, name: str = "gateway") -> logging.LogRecord:
    fields = {} if event is None else log_fields(event)
    return logging.makeLogRecord({"name": name, "levelno": level, "msg": "m", **fields})


def test_a_flood_of_one_kind_is_cut_and_counted() -> None:
    clock = ManualClock()
    limit = RateFilter(clock.now)
    assert sum(limit.filter(record()) for _ in range(10_000)) == BURST
    clock.pause(3)
    after = record()
    assert limit.filter(after)
    assert getattr(after, NOT_LOGGED) == 10_000 - BURST
    clock.pause(3)
    quiet = record()
    assert limit.filter(quiet)
    assert not hasattr(quiet, NOT_LOGGED)


def test_an_hour_of_flood_is_bounded() -> None:
    clock = ManualClock()
    limit, logged = RateFilter(clock.now), 0
    for _ in range(36_000):
        logged += limit.filter(record())
        clock.pause(0.1)
    assert logged <= BURST + 60 * BURST


def test_other_kinds_are_not_hidden() -> None:
    limit = RateFilter(ManualClock().now)
    while limit.filter(record()):
        pass
    for other in (
        record("other"),
        record(level=logging.ERROR),
        record(None),
        record(None, name="aiohttp"),
    ):
        assert limit.filter(other)


def test_any_text_of_a_library_is_one_kind() -> None:
    limit = RateFilter(ManualClock().now)
    flood = [logging.makeLogRecord({"name": "aiohttp", "levelno": 30, "msg": f"{number}"}) for number in range(1000)]
    assert sum(map(limit.filter, flood)) == BURST


def test_every_generation_is_logged() -> None:
    limit = RateFilter(ManualClock().now)
    assert all(limit.filter(record("generation_ended")) for _ in range(1000))
    assert all(limit.filter(record(level=logging.DEBUG)) for _ in range(1000))
