"""An answer that is read from bytes given beforehand, and what it brought, event by event."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise

from hypothesis import strategies as st

from gateway.protocol.errors import Failed
from gateway.protocol.events import TextBatch
from gateway.upstreams.base import UpstreamEvent
from gateway.upstreams.connections import UpstreamConnection
from gateway.upstreams.formats.base import EventReader
from gateway.upstreams.response import StreamedResponse

cuts = st.lists(st.integers(0, 2000), max_size=6)
"""Where to cut a stream."""


def apart(parts: Sequence[UpstreamEvent]) -> Iterator[UpstreamEvent]:
    """Take runs of text apart into what the provider sent."""
    for part in parts:
        if isinstance(part, TextBatch):
            cuts = pairwise((0, *part.ends))
            yield from (type(part.text)(part.text.content[start:end]) for start, end in cuts)
        else:
            yield part


async def streamed(reads: Iterable[bytes], reader: EventReader) -> tuple[list[UpstreamEvent], str]:
    """Let an answer read what a connection brings, and its end; give its parts and the code of its failure."""
    content, parts = Content(list(reads)), list[UpstreamEvent]()
    answer = StreamedResponse("m", content.line, content, reader)  # type: ignore[arg-type]
    try:
        await asyncio.wait_for(answer.stream(parts.extend), 60)
    except Failed as failure:
        return list(apart(parts)), failure.code
    return list(apart(parts)), ""


def pieces(stream: bytes, places: Sequence[int]) -> Iterator[bytes]:
    """Cut a stream at these places."""
    inside = sorted({min(place, len(stream)) for place in places})
    yield from (
        stream[start:end] for start, end in zip([0, *inside], [*inside, len(stream)], strict=True) if end > start
    )


class Content:
    """What aiohttp gives for a body, filled beforehand; its line calls back as long as there is some."""

    def __init__(self, reads: list[bytes]) -> None:
        self._reads = reads
        self.line = FedLine()

    def at_eof(self) -> bool:
        return not self._reads

    def read_nowait(self) -> bytes:
        read = self._reads.pop(0) if self._reads else b""
        if self._reads:
            asyncio.get_running_loop().call_soon(self.line.tell)
        return read


class FedLine(UpstreamConnection):
    def __init__(self) -> None:
        super().__init__()
        self._listener: Callable[[], None] | None = None

    def set_listener(self, listener: Callable[[], None] | None) -> None:
        self._listener = listener

    def tell(self) -> None:
        if self._listener is not None:
            self._listener()
