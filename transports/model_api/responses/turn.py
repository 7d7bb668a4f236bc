"""One response on a socket of the Responses API: its events, and what remains of it for those that follow."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import orjson
from pydantic import JsonValue

from gateway.api.model_api.responses.replay import projection_of
from gateway.api.model_api.responses.store import Items, ResponseStore, StoredResponse
from gateway.dialects.base import ProjectedEvent
from gateway.dialects.openai_responses.steer import MAX_WAITING, SteerError, failed, message_of, pending
from gateway.generation.event_log import Entry, EventLog
from gateway.protocol.commands import JsonObject
from gateway.protocol.events import TERMINAL, Accepted, Complete, Feedback, Metrics, Revision, ToolCall, Usage

_NO_USAGE: Final = Usage(0, 0, "exact")


class Steer(NamedTuple):
    """Input that a client has added to a response: its id, its text, and how the client sent it."""

    id: str
    text: str
    given: JsonValue


class Turn:
    """A response that runs. With input that its client adds, it ends, and a successor begins in the same log."""

    def __init__(self, store: ResponseStore, stored: StoredResponse, stream_id: str | None) -> None:
        self.stored = stored
        """The response, or its successor."""
        self.generation_id = "" if stored.generation is None else stored.generation.id
        self.stream_id = stream_id
        self.is_over = False
        self.has_events = False
        self.local_ids: list[str] = []
        """Ids of its responses that only the socket can refer to."""
        self.waiting: list[JsonObject] = []
        """Items of inputs that wait for the next request, because the response has ended with calls."""
        self.has_calls = False
        """A call has begun: what its client adds must wait for the result."""
        self._held: list[Steer] = []
        self._store = store
        self._first_id = stored.id
        self._parts = 1
        self._projection = projection_of(stored)
        self._expected: Steer | None = None
        """An input that becomes feedback right now."""
        self._steers: dict[str, Steer] = {}
        """Inputs that have been accepted, by the id of the feedback."""
        self._suffix = b"}" if stream_id is None else b',"stream_id":%b}' % orjson.dumps(stream_id)

    def begin(self) -> None:
        """Store the response, unless it is for its socket alone."""
        if self.stored.scope is None:
            self._store.add(self.stored)

    @property
    def last_number(self) -> int:
        """Return the `sequence_number` of its last event."""
        return self._projection.last_number

    def messages(self, entry: Entry) -> Sequence[bytes]:
        """Return the messages that an entry of the log stands for."""
        event = entry.other
        if isinstance(event, Feedback):
            self._bind(event)
        if isinstance(event, Revision) and (steer := self._steers.pop(event.feedback_id or "", None)) is not None:
            return self._encode(self._succeed(entry, steer))
        self.has_calls = self.has_calls or entry.kind is ToolCall
        events = self._projection.project(entry)
        if self._projection.is_cut:
            # A socket carries other responses: it is not closed for this one.
            events = [*events, *self._projection.end_cut()]
        self.is_over = self._projection.is_cut or entry.kind in TERMINAL
        if not self.is_over:
            return self._encode(events)
        self._finish()
        return [*self._encode(events), *self._announce_waiting(), *self.give_back_steers()]

    def _encode(self, events: Sequence[ProjectedEvent]) -> Sequence[bytes]:
        self.has_events = self.has_events or bool(events)
        if self.stream_id is None:
            return [event.data for event in events]
        return [event.data[:-1] + self._suffix for event in events]

    def _finish(self) -> None:
        if self.stored.scope is not None:
            self._keep_locally(Items(self._projection.output()))

    def _keep_locally(self, output: Items) -> None:
        """Keep what was said for the socket alone; the log of its generation is not needed for that."""
        self.stored.output, self.stored.generation, self.stored.body = output, None, b""
        self._store.add(self.stored)
        self.local_ids.append(self.stored.id)

    # Steering.

    def expect(self, steer: Steer) -> None:
        """Bind the next feedback of this text in the log to this input, which becomes feedback right now."""
        self._expected = steer

    def expect_no_more(self, feedback_id: str | None) -> None:
        """Bind an expected input to its feedback; None: it did not become one."""
        expected, self._expected = self._expected, None
        if expected is not None and feedback_id is not None:
            self._steers[feedback_id] = expected

    def _bind(self, feedback: Feedback) -> None:
        # While this input becomes feedback, another client may give its own.
        if self._expected is not None and (feedback.mode, feedback.text) == ("revise", self._expected.text):
            self._steers[feedback.feedback_id], self._expected = self._expected, None

    def hold(self, steer: Steer) -> bool:
        """Hold an input until the results of calls come; return False if too many are held."""
        if len(self._held) >= MAX_WAITING:
            return False
        self._held.append(steer)
        return True

    def _announce_waiting(self) -> Sequence[bytes]:
        """Return the messages that say which results come before what was held."""
        if self._projection.status != "completed":
            return ()
        held, self._held, output = self._held, [], self._projection.output() if self._held else []
        self.waiting = [message_of(steer.text) for steer in held]
        events = [pending(steer.id, self.stored.id, output, self.last_number) for steer in held]
        return [orjson.dumps(event)[:-1] + self._suffix for event in events]

    def give_back_steers(self) -> Sequence[bytes]:
        """Return the messages that give back what was accepted and can't be added any more."""
        error, steers = SteerError("successor_creation_failed"), [*self._held, *self._steers.values()]
        self._held = []
        self._steers.clear()
        events = [failed(error, self.stored.id, steer.given, self.last_number, steer.id) for steer in steers]
        return [orjson.dumps(event)[:-1] + self._suffix for event in events]

    def _succeed(self, revision: Entry, steer: Steer) -> Sequence[ProjectedEvent]:
        """End the response, and begin its successor, which the next text of the log belongs to."""
        events, generation, before = self._projection.end_steered(), self.stored.generation, self.stored
        output, body = (
            Items(self._projection.output()),
            {**orjson.loads(before.body), "previous_response_id": before.id},
        )
        before.until = revision.first - 1
        if before.scope is not None:
            self._keep_locally(output)
        else:
            self._store.finish(before, output)
        self._parts += 1
        self.stored = StoredResponse(
            f"{self._first_id}.{self._parts}",
            before.owner,
            orjson.dumps(body),
            (*before.input, output, Items([message_of(steer.text)])),
            before.created,
            before.model,
            generation,
            before.scope,
            after=revision.last,
        )
        self.begin()
        self._projection = projection_of(self.stored)
        return events


def prewarmed(stored: StoredResponse) -> Sequence[ProjectedEvent]:
    """Return the events of a response without an answer (`generate: false`)."""
    log, projection = EventLog(stored.id), projection_of(stored)
    log.add(Accepted(stored.id, "", stored.model))
    log.add(Complete("stop", _NO_USAGE, None, Metrics("", 0.0, 0.0, 0.0, 0, 0, 0, None, 0, 1)))
    stored.output = Items([])
    return [event for entry in log.since(0) for event in projection.project(entry)]
