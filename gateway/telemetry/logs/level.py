"""From which level on the gateway logs."""

import logging
from typing import Final

OWN_LOGGERS: Final = ("gateway", "transports")
"""Loggers that `log_level` applies to. Libraries log warnings and errors only: below, some log what clients send."""


def set_level(name: str) -> None:
    """Set the lowest level that is logged, by its name in the settings."""
    level = logging.getLevelNamesMapping()[name.upper()]
    for logger in OWN_LOGGERS:
        logging.getLogger(logger).setLevel(level)
    logging.getLogger().setLevel(max(level, logging.WARNING))
