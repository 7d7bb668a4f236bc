"""A streamed response in a dialect: the log of one generation as the events of another API."""

from collections.abc import Mapping, Sequence

from starlette.types import Send

from gateway.api.services import Services
from gateway.dialects.base import Dialect, LiveProjection, ProjectedEvent, Projection
from gateway.generation.event_log import Entry
from gateway.generation.generation import Generation
from transports.http_stream import StreamedResponse


class ProjectedFraming:
    """Framing of a dialect's events; see `Framing`. One object frames one response."""

    framing = ""

    def __init__(self, dialect: Dialect, projection: Projection) -> None:
        self.content_type = dialect.content_type
        self.heartbeat = dialect.heartbeat
        self._project = projection.project

    def frame(self, _generation_id: str, entry: Entry) -> bytes:
        """Return the frames of the events that an entry stands for."""
        events = self._project(entry)
        return event_frame(events[0]) if len(events) == 1 else b"".join(map(event_frame, events))


def event_frame(event: ProjectedEvent) -> bytes:
    """Encode an event as text/event-stream. Its data is JSON on one line."""
    data, name = event
    return b"event: %b\ndata: %b\n\n" % (name, data) if name else b"data: %b\n\n" % data


class ProjectedStream(StreamedResponse):
    """One client of a dialect, from the beginning of a generation to its end."""

    def __init__(
        self,
        services: Services,
        dialect: Dialect,
        projection: Projection,
        generation: Generation,
        headers: Mapping[str, str],
    ) -> None:
        super().__init__(services, ProjectedFraming(dialect, projection), generation, 0, headers)
        self._projection = projection

    def send_heartbeat(self) -> bool:
        """Write what clients skip."""
        projection = self._projection
        events = projection.on_silence() if isinstance(projection, LiveProjection) else ()
        return self.write((self._heartbeat, *map(event_frame, events)))

    async def _end(self, frames: Sequence[bytes], send: Send) -> None:
        """Write the last frames, and end the body, or leave it without its end; see `Projection.is_cut`."""
        if not self._projection.is_cut:
            await super()._end(frames, send)
        elif self._writer is not None:
            if frames:
                self._writer.write(frames)
            self._writer.cut()
