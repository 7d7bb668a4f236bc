"""A run for a client that joins it in the middle. Pure (docs.ag-ui.com/spec/1.0, "Serialization").

It gets the conversation as it is, and what is open once more, so that what follows belongs to something: a client
accepts no delta of a message that has not begun. So it does not matter what the client had before.
"""

from collections.abc import Sequence

import orjson

from gateway.dialects.ag_ui.projection import AgUiProjection
from gateway.dialects.ag_ui.transcript import Transcript
from gateway.dialects.ag_ui.writer import EventWriter
from gateway.dialects.base import ProjectedEvent
from gateway.generation.event_log import Entry
from gateway.protocol.commands import JsonObject


class JoinedProjection:
    """Turns a log into a snapshot of what it holds up to a number, and the events that follow; see `Projection`."""

    is_cut = False

    def __init__(self, projection: AgUiProjection, writer: EventWriter, reached: int) -> None:
        self._projection = projection
        self._writer = writer
        self._reached = reached
        self._transcript: Transcript | None = Transcript()
        """What the client has not been sent; None once it has been."""

    def project(self, entry: Entry) -> Sequence[ProjectedEvent]:
        """See `Projection.project`."""
        events = self._projection.project(entry)
        if self._transcript is None:
            return events
        last: list[ProjectedEvent] = []
        for event in events:
            fields: JsonObject = orjson.loads(event.data)
            self._transcript.add(fields)
            last = [event] if fields["type"] in {"RUN_FINISHED", "RUN_ERROR"} else []
        return [*self._snapshot(self._transcript), *last] if entry.last >= self._reached else ()

    def _snapshot(self, transcript: Transcript) -> Sequence[ProjectedEvent]:
        self._transcript = None
        return (
            self._writer.run_started(),
            self._writer.messages_snapshot([*self._writer.conversation, *transcript.messages]),
            *(ProjectedEvent(orjson.dumps(event)) for event in transcript.open.values()),
        )
