"""Read for how long a client wants its text joined, where its body does not say so."""

from collections.abc import Mapping
from typing import Final

from starlette.requests import HTTPConnection

from gateway.protocol.commands import StartRequest
from gateway.protocol.errors import invalid
from gateway.protocol.options import MAX_COALESCE_MS

PARAMETER: Final = "coalesce_ms"
"""Parameter of the URL of a stream. It is for this viewer alone."""

HEADER: Final = "x-coalesce-ms"
"""The same as a header, for requests whose URL and body are those of another API."""


def coalesce_parameter(connection: HTTPConnection) -> int | None:
    """Return the milliseconds that the URL of a stream asks for; None if it does not.

    Raises:
        Refused: it is not a valid number.
    """
    if not connection.scope.get("query_string"):
        return None
    return parse_milliseconds(connection.query_params.get(PARAMETER), PARAMETER)


def coalesce_header(headers: Mapping[str, str]) -> int | None:
    """Return the milliseconds that the header of a request asks for; None if it does not.

    Raises:
        Refused: it is not a valid number.
    """
    return parse_milliseconds(headers.get(HEADER), HEADER)


def with_coalesce_header(start: StartRequest, headers: Mapping[str, str]) -> StartRequest:
    """Return a start with what the header of its request asks for, which precedes the option of its body.

    Raises:
        Refused: it is not a valid number.
    """
    milliseconds = coalesce_header(headers)
    if milliseconds is None:
        return start
    return start.updated(options=start.options.updated(coalesce_ms=milliseconds))


def parse_milliseconds(text: str | None, name: str) -> int | None:
    """Return the number that a header or parameter holds; None without one.

    Raises:
        Refused: it is not a valid number.
    """
    if text is None:
        return None
    digits = text.strip()
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 4 and int(digits) <= MAX_COALESCE_MS):
        message = f"{name}: {text[:20]!r} is not a number of milliseconds from 0 to {MAX_COALESCE_MS}, such as 50"
        raise invalid(message, param=name)
    return int(digits)
