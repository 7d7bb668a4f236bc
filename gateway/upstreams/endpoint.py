"""Where calls go: below the base URL of the configuration, whatever a client calls its model. Pure."""

from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote

from yarl import URL

from gateway.protocol.errors import UnsupportedOption


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A place below a base URL.

    `segments` may hold a client's words: each of them stays one segment of the path. `action` is ours, and is added as
    it is.
    """

    segments: tuple[str, ...]
    action: str = ""

    def below(self, base_url: str) -> URL:
        """Give its URL.

        Raises:
            NotSpelled: a segment would lead out of the place.
            ValueError: the base is no URL.
        """
        return _url(base_url, self)


@lru_cache(maxsize=256)
def _url(base_url: str, place: Endpoint) -> URL:
    base = str(URL(base_url)).rstrip("/")
    # Encoded: nobody is to read what was quoted once more, and find a way up in it.
    return URL("/".join([base, *map(_quoted, place.segments)]) + place.action, encoded=True)


def _quoted(segment: str) -> str:
    # Quoting leaves dots as they are, and servers and proxies may read dots that are quoted as well.
    if segment in {"", ".", ".."}:
        message = f"{segment!r} is not the name of a model."
        raise UnsupportedOption(message)
    return quote(segment, safe="", errors="replace")
