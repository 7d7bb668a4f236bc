"""Addresses of calls: always below the configured base URL, for any model that a client may name. Pure."""

from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote

from yarl import URL

from gateway.protocol.errors import UnsupportedOption


class Endpoint(NamedTuple):
    """A path below a base URL.

    `segments` may contain text from a client: each is quoted, and stays one segment of the path. `action` is ours, and
    is appended unquoted; it may end with a query. That of the base URL stays (Azure's `?api-version=…`), except for
    parameters that are in the query of `action`, too.
    """

    segments: tuple[str, ...]
    action: str = ""

    def resolve(self, base_url: str) -> URL:
        """Return the URL of this endpoint below `base_url`.

        Raises:
            UnsupportedOption: a segment is empty, `.` or `..`, and would lead out of the path.
            ValueError: the base URL is invalid.
        """
        return _url(base_url, self)


@lru_cache(maxsize=256)
def _url(base_url: str, endpoint: Endpoint) -> URL:
    base, _, given = str(URL(base_url).with_fragment(None)).partition("?")
    action, _, own = endpoint.action.partition("?")
    query = "&".join({**_parameters(given), **_parameters(own)}.values())
    path = "/".join([base.rstrip("/"), *map(_quote, endpoint.segments)]) + action
    # `encoded=True`: yarl must not decode and normalize what is quoted here, and find a `..` in it.
    return URL(f"{path}?{query}" if query else path, encoded=True)


def _quote(segment: str) -> str:
    # Quoting does not change dots (RFC 3986, 2.3: unreserved), and quoted dots are equivalent: servers and proxies
    # may remove the segments `.` and `..` in either form (RFC 3986, 5.2.4 and 6.2.2).
    if segment in {"", ".", ".."}:
        message = f"model: {segment!r} is not the name of a model."
        raise UnsupportedOption(message, "model")
    return quote(segment, safe="", errors="replace")


def _parameters(query: str) -> dict[str, str]:
    """Return the pairs of a query, as they are written, by their names."""
    return {pair.partition("=")[0]: pair for pair in query.split("&") if pair}
