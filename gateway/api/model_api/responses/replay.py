"""The events and the object of a stored response, read from the log of its generation: again, or while it runs."""

from collections.abc import Sequence

import orjson

from gateway.api.model_api.responses.store import StoredResponse
from gateway.dialects.base import Call, DialectStart, ProjectedEvent, ResponseIdentity
from gateway.dialects.documents import is_failover
from gateway.dialects.openai_responses.ids import generation_id
from gateway.dialects.openai_responses.projection import OpenAIResponsesProjection
from gateway.generation.event_log import EPOCH_EVENTS, Entry
from gateway.protocol.commands import JsonObject, StartRequest
from gateway.protocol.events import TERMINAL
from gateway.upstreams.formats.json_values import objects_of


def projection_of(response: StoredResponse) -> OpenAIResponsesProjection:
    """Return a projection that gives each event of the response its number again."""
    call = Call(orjson.loads(response.body))
    start = DialectStart(StartRequest.model_construct(messages=[]), stream=True, call=call)
    return OpenAIResponsesProjection(start, identity_of(response.id, response.model, response.created))


def identity_of(response_id: str, model: str, created: int) -> ResponseIdentity:
    """Return the identity from which a projection derives the id of the response."""
    return ResponseIdentity(generation_id(response_id) or response_id, model, created)


def entries_of(response: StoredResponse) -> Sequence[Entry]:
    """Return what the log has of a response so far."""
    if response.generation is None:
        return ()
    entries = response.generation.log.since(response.after)
    return [entry for entry in entries if response.until is None or entry.last <= response.until]


class Replay:
    """The projection of a stored response that leaves out its first events: a client has them; see `Projection`.

    `skip` is their number. A response that was cut off ends as failed here: to ask for it again would not help.
    """

    is_cut = False

    def __init__(self, response: StoredResponse, skip: int = 0) -> None:
        self._projection = projection_of(response)
        self._skip = skip

    def project(self, entry: Entry) -> Sequence[ProjectedEvent]:
        """See `Projection.project`."""
        if entry.first > EPOCH_EVENTS:
            # A client that is ahead of what a lost gateway has left behind gets all that came after that.
            self._skip = 0
        events = self._projection.project(entry)
        if self._projection.is_cut and entry.kind in TERMINAL:
            events = self._projection.end_cut()
        return self._new(events) if self._skip else events

    def end_steered(self) -> Sequence[ProjectedEvent]:
        """Return the last events of a response that was steered."""
        return self._new(self._projection.end_steered())

    def _new(self, events: Sequence[ProjectedEvent]) -> Sequence[ProjectedEvent]:
        """Return the events that the client does not have."""
        skipped = min(self._skip, len(events))
        self._skip -= skipped
        return events[skipped:]


def replayed(response: StoredResponse, skip: int) -> Sequence[ProjectedEvent]:
    """Return the events of a response that was steered, but for the first ones."""
    replay = Replay(response, skip)
    events = [event for entry in entries_of(response) for event in replay.project(entry)]
    return [*events, *replay.end_steered()]


def document_of(response: StoredResponse) -> JsonObject:
    """Return the response object as it is now."""
    projection = projection_of(response)
    for entry in entries_of(response):
        if is_failover(entry):
            # What came before has been given up, and a client that reads the whole answer has no part of it.
            projection = projection_of(response)
        else:
            projection.project(entry)
    if response.until is not None:
        projection.end_steered()
    return projection.response()


def output_items(response: StoredResponse) -> list[JsonObject]:
    """Return the items that a response has answered."""
    items: list[JsonObject]
    if response.output is not None:
        items = orjson.loads(b"[%b]" % response.output.data)
        return items
    return objects_of(document_of(response).get("output"))
