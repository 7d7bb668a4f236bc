"""The level of our own loggers follows the setting; libraries log warnings and errors."""

import logging
from collections.abc import Iterator

import pytest

from gateway.telemetry.logs.level import OWN_LOGGERS, set_level


@pytest.fixture(autouse=True)
def restore() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in (*OWN_LOGGERS, None)]
    levels = [logger.level for logger in loggers]
    yield
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)


@pytest.mark.parametrize(("name", "root"), [("debug", "WARNING"), ("info", "WARNING"), ("error", "ERROR")])
def test_libraries_log_nothing_below_warnings(name: str, root: str) -> None:
    set_level(name)
    assert {logging.getLogger(logger).level for logger in OWN_LOGGERS} == {logging.getLevelNamesMapping()[name.upper()]}
    assert logging.getLogger().level == logging.getLevelNamesMapping()[root]
