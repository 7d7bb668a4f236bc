"""A streamed response in a dialect: the log of one generation as the events of another API."""

from collections.abc import Callable, Mapping, Sequence

from starlette.types import Send

from gateway.api.services import Services
from gateway.asgi import Writer
from gateway.dialects.base import Dialect, LiveProjection, ProjectedEvent, Projection, projects_text
from gateway.dialects.numbering import NumberedProjection
from gateway.generation.event_log import Entry
from gateway.generation.generation import Generation
from gateway.protocol.events import TERMINAL
from transports.http_stream import StreamedResponse


class ProjectedFraming:
    """Framing of a dialect's events; see `Framing`. One object frames one response."""

    framing = ""
    transport = "sse"

    def __init__(self, dialect: Dialect, projection: Projection) -> None:
        self.content_type = dialect.content_type
        self.heartbeat = dialect.heartbeat
        self._project = projection.project
        self._project_text, self._text_start = None, b""
        if projects_text(projection):
            self._project_text, self._text_start = projection.project_text, _start_of(projection.text_name)
        self._projection = projection
        self.on_cut: Callable[[], None] | None = None
        """Called when the projection ends the response as a lost connection, perhaps before the terminal entry."""

    def frame(self, _generation_id: str, entry: Entry) -> bytes:
        """Return the frames of the events that an entry stands for."""
        if self._project_text is not None and (lines := self._project_text(entry)):
            start = self._text_start
            return b"%b%b\n\n" % (start, lines.replace(b"\n", b"\n\n" + start) if b"\n" in lines else lines)
        events = self._project(entry)
        self._check_cut()
        return b"".join(map(event_frame, events))

    def _check_cut(self) -> None:
        if self._projection.is_cut and self.on_cut is not None:
            self.on_cut()


class JsonArrayFraming(ProjectedFraming):
    """Framing of events as the items of one JSON array, which grows as they come. A heartbeat is white space."""

    transport = "json"

    def __init__(self, dialect: Dialect, projection: Projection) -> None:
        super().__init__(dialect, projection)
        self.content_type = "application/json"
        self._is_open = False

    def frame(self, _generation_id: str, entry: Entry) -> bytes:
        """Return the items that an entry stands for, and the end of the array after the last one."""
        items = b"".join(map(self._item, self._project(entry)))
        self._check_cut()
        if entry.kind not in TERMINAL or self._projection.is_cut:
            return items
        return items + (b"]" if self._is_open else b"[]")

    def _item(self, event: ProjectedEvent) -> bytes:
        start, self._is_open = b",\r\n" if self._is_open else b"[", True
        return start + event.data


class NumberedFraming(ProjectedFraming):
    """Framing of events that a client can come back to: those that it has are left out, and each may have an id.

    `event_id` returns the id of the event with a number, from 0 on; None for events without ids.
    """

    def __init__(
        self,
        dialect: Dialect,
        projection: Projection,
        *,
        skip: int = 0,
        event_id: Callable[[int], bytes] | None = None,
    ) -> None:
        self._numbered = NumberedProjection(projection, skip, is_dense=event_id is None)
        super().__init__(dialect, self._numbered)
        self._event_id = event_id

    def frame(self, _generation_id: str, entry: Entry) -> bytes:
        """Return the frames of the events that an entry stands for, and that the client does not have."""
        events = self._numbered.project(entry)
        first = self._numbered.count - len(events)
        self._check_cut()
        return b"".join([self._frame(number, event) for number, event in enumerate(events, first)])

    def _frame(self, number: int, event: ProjectedEvent) -> bytes:
        if self._event_id is None:
            return event_frame(event)
        return b"id: %b\n%b" % (self._event_id(number), event_frame(event))


def event_frame(event: ProjectedEvent) -> bytes:
    """Encode an event as text/event-stream. Its data is JSON on one line."""
    data, name = event
    return b"event: %b\ndata: %b\n\n" % (name, data) if name else b"data: %b\n\n" % data


def _start_of(name: bytes) -> bytes:
    """Return what stands before the data of an event with a name."""
    return b"event: %b\ndata: " % name if name else b"data: "


class ProjectedStream(StreamedResponse):
    """One client of a dialect, from the beginning of a generation to its end.

    Clients of most dialects don't come back by themselves: they are left to finish.
    """

    resumes = False

    def __init__(
        self,
        services: Services,
        dialect: Dialect,
        projection: Projection,
        generation: Generation,
        headers: Mapping[str, str],
        framing_type: Callable[[Dialect, Projection], ProjectedFraming] = ProjectedFraming,
        *,
        coalesce_ms: int | None = None,
    ) -> None:
        framing = framing_type(dialect, projection)
        super().__init__(services, framing, generation, 0, headers, coalesce_ms=coalesce_ms)
        self._projection = projection
        # Its client asks again at once, and does not wait for an answer that it will not get.
        framing.on_cut = self._on_viewer_stop

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
        elif frames:
            # Other servers end a connection whose application returns in the middle of a body.
            await send({"type": "http.response.body", "body": b"".join(frames), "more_body": True})

    def _leave(self, writer: Writer) -> None:
        """End the connection; a cut response loses nothing of what was written."""
        if self._projection.is_cut:
            writer.cut()
        else:
            super()._leave(writer)


class ResumableStream(ProjectedStream):
    """One client of a dialect whose clients come back by themselves, by the ids of its events."""

    resumes = True
