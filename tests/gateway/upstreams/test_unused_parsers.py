"""When the parsers of silent responses are dropped."""

from dataclasses import dataclass

from gateway.upstreams.unused_parsers import PARSER_SECONDS, UnusedParsers
from tests.manual_clock import ManualClock


@dataclass(eq=False)
class Parsing:
    """A connection that can drop its parser between two chunks only."""

    read_at: float
    is_between_chunks: bool = True
    dropped: int = 0

    def drop_parser(self) -> bool:
        self.dropped += self.is_between_chunks
        return self.is_between_chunks


def test_a_parser_is_dropped_once_it_is_unused() -> None:
    clock = ManualClock()
    unused, used, split = (Parsing(clock.now(), between) for between in (True, True, False))
    parsers = UnusedParsers(clock)
    for protocol in (unused, unused, used, split):
        parsers.add(protocol)
    assert clock.pending == 1
    clock.advance(PARSER_SECONDS / 2)
    used.read_at = clock.now()
    clock.advance(PARSER_SECONDS / 2)
    assert (unused.dropped, used.dropped, split.dropped) == (1, 0, 0)
    split.is_between_chunks = True
    clock.advance(PARSER_SECONDS)
    assert (unused.dropped, used.dropped, split.dropped) == (1, 1, 1)
    assert clock.pending == 0
