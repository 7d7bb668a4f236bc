"""An event is logged without a record only where nobody would see the record, and its line is that of its record."""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.log_fields import EVENT
from gateway.telemetry.logs.event import log_unlimited, own_writer
from gateway.telemetry.logs.format import SHOWS_FIELDS, ConsoleFormatter, EventFormatter, JsonFormatter
from gateway.telemetry.logs.generation import unusual
from gateway.telemetry.logs.rate import RateFilter
from gateway.telemetry.logs.writer import LogWriter

FORMATTERS: Mapping[str, Callable[[], EventFormatter]] = {
    "json": JsonFormatter,
    "console": ConsoleFormatter,
    "console of a worker": lambda: ConsoleFormatter(shows_process=True),
}

NAMES = st.sampled_from(["end", "model", "upstream_model", "attempts", "attempt_ends", "dialect", "reason", "x"])
VALUES = (
    st.none() | st.integers() | st.floats() | st.text(st.characters(), max_size=20) | st.lists(st.text(), max_size=2)
)


class Lines:
    """A logger below two others, the upper one of which has our writer."""

    def __init__(self, formatter: logging.Formatter) -> None:
        self.written = b""
        self.writer = LogWriter(self._write)
        self.writer.setFormatter(formatter)
        self.writer.addFilter(RateFilter(lambda: 0.0))
        self.top, self.middle, self.logger = logging.Logger("top"), logging.Logger("top.a"), logging.Logger("top.a.b")
        self.logger.parent, self.middle.parent = self.middle, self.top
        self.top.addHandler(self.writer)

    def _write(self, data: bytes) -> int:
        self.written += data
        return len(data)

    def log(self, fields: Mapping[str, object] | None = None, level: int = logging.INFO) -> None:
        fields = {EVENT: "generation_ended", **(fields or {"end": "complete"})}
        log_unlimited(self.logger, level, "generation ended", fields, unusual)

    def log_record(self, fields: Mapping[str, object], level: int = logging.INFO) -> None:
        """Log by a record."""
        fields = {EVENT: "generation_ended", **fields}
        self.logger.log(level, "generation ended", extra={**fields, SHOWS_FIELDS: unusual(fields)})

    def read(self) -> str:
        """Return what was written since the last time."""
        self.writer.flush()
        text, self.written = self.written.decode(), b""
        return text


@contextmanager
def lines(formatter: logging.Formatter) -> Iterator[Lines]:
    made = Lines(formatter)
    try:
        yield made
    finally:
        made.writer.close()


def without_time(line: str) -> str:
    start = line.index("20")
    return line[:start] + line[start + len("2026-11-30T00:53:20.012Z") :]


@pytest.mark.parametrize("form", FORMATTERS)
@given(fields=st.dictionaries(NAMES, VALUES), level=st.sampled_from([logging.INFO, logging.WARNING]))
def test_the_line_is_that_of_a_record(form: str, fields: dict[str, object], level: int) -> None:
    with lines(FORMATTERS[form]()) as log:
        assert own_writer(log.logger, level) is log.writer
        log.log({"first": 1, **fields}, level)
        direct = log.read()
        log.log_record({"first": 1, **fields}, level)
        assert without_time(direct) == without_time(log.read())
        assert direct


class WithoutText:
    """A value whose text can't be made."""

    def __str__(self) -> str:
        raise RuntimeError

    __repr__ = __str__


@pytest.mark.parametrize("form", FORMATTERS)
def test_a_field_whose_text_can_not_be_made_does_not_end_the_caller(form: str) -> None:
    with lines(FORMATTERS[form]()) as log:
        log.log({"end": WithoutText()})
        assert "a record of top.a.b could not be formatted" in log.read()
        log.log({"end": "complete"})
        assert "complete" in log.read()


class Kept(logging.Handler):
    """Keeps records."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.mark.parametrize("place", ["top", "middle", "logger"])
def test_another_handler_gets_the_record_beside_ours(place: str) -> None:
    with lines(JsonFormatter()) as log:
        kept = Kept()
        getattr(log, place).addHandler(kept)
        log.log()
        (record,) = kept.records
        assert (record.getMessage(), record.levelname, vars(record)["end"]) == ("generation ended", "INFO", "complete")
        assert (record.filename, record.funcName) == ("test_event.py", "log")
        assert log.read().count("generation_ended") == 1


def test_a_filter_of_the_logger_or_of_our_handler_decides() -> None:
    with lines(JsonFormatter()) as log:
        log.logger.addFilter(lambda record: vars(record)["end"] != "complete")
        log.log()
        assert not log.read()
        log.logger.filters.clear()
        log.writer.addFilter(lambda record: vars(record)["end"] != "complete")
        log.log()
        assert not log.read()
        log.log({"end": "error"})
        assert log.read()


def test_levels_propagation_and_formatters_of_others_are_kept() -> None:
    with lines(logging.Formatter("%(message)s by %(funcName)s")) as log:
        log.log()
        assert log.read() == "generation ended by log\n"
        log.writer.setLevel(logging.WARNING)
        assert own_writer(log.logger, logging.INFO) is None
        log.log()
        log.writer.setLevel(logging.INFO)
        log.middle.propagate = False
        log.log()
        assert not log.read()


def test_a_second_writer_of_ours_gets_its_line_too() -> None:
    with lines(JsonFormatter()) as log, lines(JsonFormatter()) as other:
        log.logger.addHandler(other.writer)
        log.log()
        assert log.read()
        assert other.read()


def test_a_class_a_factory_or_a_method_of_another_tool_gets_the_record(monkeypatch: pytest.MonkeyPatch) -> None:
    class Other(logging.Logger):
        pass

    with lines(JsonFormatter()) as log:
        other = Other("top.other")
        other.parent = log.top
        assert own_writer(other, logging.INFO) is None
        with monkeypatch.context() as patched:
            patched.setattr(logging.Logger, "callHandlers", lambda *_given: None)
            log.log()
            assert not log.read()
        factory = logging.getLogRecordFactory()
        try:
            logging.setLogRecordFactory(partial(factory))
            assert own_writer(log.logger, logging.INFO) is None
        finally:
            logging.setLogRecordFactory(factory)
        assert own_writer(log.logger, logging.INFO) is log.writer
