"""Every line of the log has a stable event, and fields that `logging` accepts."""

import logging
import re

from gateway.log_fields import EVENT, log_fields
from tests.log_events import ROOT, events, log_calls

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


def test_every_event_is_documented_with_its_fields() -> None:
    text = (ROOT / "docs/operations/logs.md").read_text(encoding="utf-8").partition("\n## Events\n")[2]
    rows = re.findall(r"^\| `(\w+)` \| [^|]+ \| ([^|]+) \| [^|]+ \|$", text, re.MULTILINE)
    documented = {event: set(re.findall(r"`(\w+)`", fields)) for event, fields in rows}
    assert documented.pop("generation_ended") == set()
    assert documented == {event: set(fields) for event, fields in events().items() if event != "generation_ended"}


def test_every_field_of_a_generation_is_documented() -> None:
    text = (ROOT / "docs/operations/logs.md").read_text(encoding="utf-8").partition("\n## A generation\n")[2]
    rows = re.findall(r"^\| ([^|]+) \| [^|]+ \|$", text.partition("\n## ")[0], re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} == events()["generation_ended"]
