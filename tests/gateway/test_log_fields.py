"""Every line of the log has a stable event, and fields that `logging` accepts."""

import logging
import re

from gateway.log_fields import EVENT, log_fields
from tests.log_events import events, log_calls

STANDARD = {*vars(logging.LogRecord("", 0, "", 0, "", (), None)), "message", "asctime"}
LINE = {"time", "level", "logger", "pid", EVENT, "message", "exception", "stack", "not_logged"}


def test_every_log_call_names_its_event() -> None:
    assert [call.place for call in log_calls() if not call.has_fields] == []
    assert len(log_calls()) > 30


def test_names_are_stable_identifiers() -> None:
    for event, fields in events().items():
        assert re.fullmatch("[a-z]+(_[a-z]+)*", event)
        assert all(re.fullmatch("[a-z]+(_[a-z]+)*", field) for field in fields), (event, fields)


def test_no_field_has_the_name_of_what_every_record_has() -> None:
    for event, fields in events().items():
        assert not fields & (STANDARD | LINE), event


def test_fields_are_attributes_of_the_record() -> None:
    extra = log_fields("stopped", seconds=2)
    record = logging.getLogger("a").makeRecord("a", logging.INFO, "", 0, "m", (), None, extra=extra)
    assert (getattr(record, EVENT), vars(record)["seconds"]) == ("stopped", 2)
