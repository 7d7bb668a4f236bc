"""`dualstream serve`: run the gateway."""

import argparse
import logging
import os
import sys
from functools import partial
from pathlib import Path
from typing import Final

from gateway.cli.logging_setup import configure_server
from gateway.config import (
    DEFAULT_FILE,
    FILE_VARIABLE,
    ConfigurationError,
    Settings,
    find_file,
    load,
    unknown_variables,
)
from gateway.log_fields import log_fields
from gateway.server.run import report_failure, serve
from gateway.server.workers.inheritance import is_worker
from gateway.standard_streams import print_line

logger = logging.getLogger(__name__)

OPTIONS: Final = ("host", "port", "workers", "upstream", "upstream_api", "model", "insecure")
"""The settings that are also options of the command line."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command to its parser."""
    parser.description = (
        "Run the gateway. Every setting also has an environment variable: DUALSTREAM_ and its name, for example "
        "DUALSTREAM_UPSTREAM_API_KEY. A file names models and their providers: `dualstream check` checks it, SIGHUP "
        "loads it again. Without a file and --upstream, a built-in simulator answers."
    )
    parser.add_argument("--host", help=_help("host"))
    parser.add_argument("--port", type=int, help=_help("port"))
    parser.add_argument("--workers", type=int, metavar="N", help=_help("workers"))
    parser.add_argument("--upstream", metavar="BASE_URL", help=_help("upstream"))
    parser.add_argument("--upstream-api", metavar="NAME", help=_help("upstream_api"))
    parser.add_argument("--model", metavar="NAME", help=_help("model"))
    parser.add_argument("--insecure", action="store_true", default=None, help=_help("insecure"))
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help=f"a TOML file (default: ${FILE_VARIABLE}, else ./{DEFAULT_FILE} if it exists). It may contain: "
        + ", ".join(Settings.model_fields),
    )


def run(options: argparse.Namespace) -> int:
    """Serve until a signal ends it, and return the exit code."""
    given = {name: getattr(options, name) for name in OPTIONS}
    file = find_file(options.config, os.environ)
    load_again = partial(load, given, os.environ, file)
    try:
        settings = load_again()
    except ConfigurationError as error:
        print_line(f"dualstream: {error}", sys.stderr)
        return 2
    is_a_worker = is_worker(os.environ)
    configure_server(settings.log_format, settings.log_level, is_worker=is_a_worker)
    if not is_a_worker:
        _log_sources(file)
    # Without a file there is nothing to load again: SIGHUP, which a closing terminal sends, must end the server.
    can_reload = file is not None or settings.keys_file is not None
    try:
        return serve(settings, load_again if can_reload else None)
    except ConfigurationError as error:
        report_failure(settings, str(error))
        return 2


def _log_sources(file: Path | None) -> None:
    if file is not None:
        logger.info("configured by %s", file, extra=log_fields("configured", file=str(file)))
    for name in unknown_variables(os.environ):
        message = "%s is not a known setting: ignored"
        logger.warning(message, name, extra=log_fields("unknown_variable", variable=name))


def _help(name: str) -> str:
    field = Settings.model_fields[name]
    default = f" (default {field.default})" if isinstance(field.default, str | int) else ""
    return f"{field.description}{default}".replace("%", "%%")
