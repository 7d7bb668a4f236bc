"""Listen, then serve in this process, or in several under a supervisor."""

import logging
import os
import socket
import sys
from collections.abc import Callable
from typing import Final

from gateway.config import Settings
from gateway.garbage_collection import collect_seldom
from gateway.log_fields import log_fields
from gateway.net.certificates import deferred_certificates
from gateway.server.fd_limit import file_warnings, raise_fd_limit
from gateway.server.listen import check_exposure, describe_failure, listen, resolve
from gateway.server.workers.inheritance import Inheritance, inherit
from gateway.standard_streams import print_line

logger = logging.getLogger(__name__)

KERNEL_SECONDS: Final = 15.0
"""How much longer than `viewer_timeout` the kernel waits for a client that accepts nothing."""

CONTENT_IS_LOGGED: Final = "log_content: the prompts and answers of all clients are written to this log"


def serve(settings: Settings, load: Callable[[], Settings] | None = None) -> int:
    """Serve until a signal ends it, and return the exit code.

    The first SIGTERM or SIGINT drains, the second ends at once. With `load`, which loads the settings again, SIGHUP
    changes the models and the keys; one that the caller has blocked is delivered once the gateway listens.

    With several workers, each is a process that runs the command of this one and calls this function again: there, it
    serves on the socket that it inherits.

    Raises:
        ConfigurationError: the keys can't be read, or others could reach a gateway that requires no credentials.
    """
    # Again, for a caller that is not `gateway.cli.main`.
    collect_seldom()
    inheritance = inherit(os.environ)
    if inheritance is not None:
        return _run(settings, load, inheritance.listening, inheritance)
    try:
        address = resolve(settings.host, settings.port)
        check_exposure(settings, address)
        listening = listen(address, settings.viewer_timeout + KERNEL_SECONDS)
    except OSError as error:
        report_failure(settings, describe_failure(error, settings.host, settings.port))
        return 1
    for line in file_warnings(settings, raise_fd_limit()):
        logger.warning("%s", line, extra=log_fields("few_open_files", advice=line))
    if settings.log_content:
        logger.warning(CONTENT_IS_LOGGED, extra=log_fields("content_is_logged"))
    if settings.workers > 1:
        # A gateway does not load the supervisor.
        from gateway.server.workers.supervise import supervise  # noqa: PLC0415

        return supervise(settings, listening, can_reload=load is not None)
    return _run(settings, load, listening)


def _run(
    settings: Settings,
    load: Callable[[], Settings] | None,
    listening: socket.socket,
    inheritance: Inheritance | None = None,
) -> int:
    # A supervisor does not load the gateway (20 MB, half a second).
    with deferred_certificates() as certificates:
        from gateway.server.uvicorn_server import run  # noqa: PLC0415

    return run(settings, load, listening, certificates, inheritance)


def report_failure(settings: Settings, reason: str) -> None:
    """Write to standard error why the gateway does not start: a line for people, or an object of the log."""
    if settings.log_format == "json":
        logger.error("%s", reason, extra=log_fields("start_failed", reason=reason))
    else:
        print_line(f"dualstream: {reason}", sys.stderr)
