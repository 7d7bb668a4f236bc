"""Drop the parsers of responses that have nothing to parse: most have, for as long as they stream.

One timer serves all connections of a pool: a timer for each response would cost short ones more than it saves.
"""

from typing import Final, Protocol

from gateway.clock import Clock

PARSER_SECONDS: Final = 1.0
"""How long a parser is kept at least when nothing is parsed. It is dropped within as much time again."""


class ParsingProtocol(Protocol):
    """A connection with a parser; see `TrackedProtocol`."""

    read_at: float
    """See `Reads`."""

    def drop_parser(self) -> bool:
        """Drop the parser; return False if it can't be dropped yet."""
        ...


class UnusedParsers:
    """The connections of a pool whose parsers may be dropped."""

    __slots__ = ("_clock", "_is_scheduled", "_protocols")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._protocols: set[ParsingProtocol] = set()
        self._is_scheduled = False

    def add(self, protocol: ParsingProtocol) -> None:
        """Drop a parser once it was not used for a while."""
        self._protocols.add(protocol)
        if not self._is_scheduled:
            self._is_scheduled = True
            self._clock.call_later(PARSER_SECONDS, self._drop)

    def _drop(self) -> None:
        self._is_scheduled = False
        protocols, self._protocols = self._protocols, set()
        unused_since = self._clock.now() - PARSER_SECONDS
        for protocol in protocols:
            if protocol.read_at > unused_since or not protocol.drop_parser():
                self.add(protocol)
