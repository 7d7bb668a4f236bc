"""The log of a generation as the events of a response. Pure.

Source: platform.openai.com/docs/api-reference/responses-streaming.
`response.created` comes with the first content, because only then it is known whether the provider's own is passed on;
a background response, which its client may leave at once, begins when it is accepted.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import orjson

from gateway.dialects.base import DialectStart, ProjectedEvent, ResponseIdentity
from gateway.dialects.ends import INTERRUPTED_TEXT, is_cut
from gateway.dialects.entries import CONTENT, TEXT_AT
from gateway.dialects.openai_responses.content import Content
from gateway.dialects.openai_responses.errors import CUT_OFF, error_of
from gateway.dialects.openai_responses.output_items import TEXT_DELTA, TextItem
from gateway.dialects.openai_responses.response_object import ResponseObject, Status
from gateway.dialects.openai_responses.tool_names import tool_names
from gateway.dialects.openai_responses.unfinished import close_open_items, item_of
from gateway.dialects.openai_responses.verbatim import CREATED, IN_PROGRESS, QUEUED, VerbatimEvents
from gateway.dialects.openai_responses.writer import EventWriter
from gateway.generation.event_log import Entry
from gateway.protocol.commands import JsonObject
from gateway.protocol.errors import Code
from gateway.protocol.events import (
    Accepted,
    Complete,
    Error,
    Interrupted,
    Revision,
    Start,
    Terminal,
    Usage,
    Verbatim,
)
from gateway.upstreams.formats.json_values import objects_of

_INCOMPLETE: Final = {"length": "max_output_tokens", "content_filter": "content_filter"}
"""Reasons for which a response is incomplete, by our finish reason."""

_INCOMPLETE_FAILURES: Final = {Code.OUTPUT_LIMIT: "max_output_tokens", Code.CONTENT_FILTER: "content_filter"}


class OpenAIResponsesProjection:
    """Turns a log into events; see `Projection`. `sequence_number` is the same in every replay."""

    text_name = TEXT_DELTA

    def __init__(self, start: DialectStart, identity: ResponseIdentity) -> None:
        self.is_cut = False
        self.status: Status = "queued" if start.call.body.get("background") is True else "in_progress"
        self._writer = EventWriter()
        self._response = ResponseObject(start.call.body, identity)
        # With what came before, which may have announced tools.
        whole = start.call.body if start.verbatim is None else start.verbatim.body
        self._content = Content(identity.generation_id, tool_names(whole), self._writer)
        self._announced: set[bytes] = set()
        self._verbatim: VerbatimEvents | None = None
        """The attempt that is passed on as it came."""
        self._attempt_begins = True
        self._final = b""

    def project(self, entry: Entry) -> Sequence[ProjectedEvent]:
        """See `Projection.project`."""
        if (item := self._continued(entry)) is not None:
            return (ProjectedEvent(self._writer.delta(item, entry.data[len(entry.head) - 1 : -1]), item.delta_name),)
        if line := self.project_text(entry):
            return (ProjectedEvent(line, TEXT_DELTA),)
        if not self.is_cut:
            self._project(entry)
        return self._writer.take()

    def project_text(self, entry: Entry) -> bytes:
        """See `TextProjection.project_text`. This runs for each chunk; nothing is decoded or encoded."""
        verbatim = self._verbatim
        if verbatim is not None and not self._attempt_begins:
            return verbatim.text_delta(entry.verbatim or b"")
        item = self._continued(entry)
        return (
            b"" if item is None or item.delta_name != TEXT_DELTA else self._writer.delta(item, entry.data[TEXT_AT:-1])
        )

    def _continued(self, entry: Entry) -> TextItem | None:
        """Return the item that an entry is one more piece of text of; None if it is anything else."""
        content = self._content
        return content.text if entry.kind is content.plain_kind and not entry.ends and entry.verbatim is None else None

    def response(self) -> JsonObject:
        """Return the response object as it stands, with all items, also those that a provider's end does not repeat."""
        encoded = self._final or self._response.encode(self.status, self._items())
        response: JsonObject = orjson.loads(encoded)
        if not response.get("output"):
            response["output"] = [orjson.loads(item) for item in self._items()]
        return response

    def output(self) -> list[JsonObject]:
        """Return the items of the response as it stands."""
        return objects_of(self.response().get("output"))

    def end_steered(self) -> Sequence[ProjectedEvent]:
        """Return the last events where the client has added input (`response.steer`): another response follows."""
        self._close_verbatim()
        self._announce(CREATED)
        self._announce(IN_PROGRESS)
        self._content.close(finished=False, drop_calls=True)
        self.status = "incomplete"
        self._final = self._response.encode("incomplete", self._content.items, incomplete_reason="steered")
        self._writer.add_response("response.incomplete", self._final)
        return self._writer.take()

    def end_cut(self) -> Sequence[ProjectedEvent]:
        """Return the last event of a response that was cut off, for a client that is not to see a lost connection."""
        self._announce(CREATED)
        if not self._final:
            self.status = "failed"
            self._final = self._response.encode("failed", self._items(), error=CUT_OFF)
        self._writer.add_response("response.failed", self._final)
        return self._writer.take()

    @property
    def last_number(self) -> int:
        """Return the `sequence_number` of the last event; 0 if there is none."""
        return max(self._writer.number - 1, 0)

    def _project(self, entry: Entry) -> None:
        if entry.kind is Verbatim or entry.kind in CONTENT:
            self._project_content(entry)
            return
        event = entry.other
        if isinstance(event, Accepted):
            if self._response.background:
                self._announce(CREATED)
                self._announce(QUEUED)
        elif isinstance(event, Start):
            self.status, self._attempt_begins = "in_progress", True
        elif isinstance(event, Revision):
            self._revise(event)
        elif isinstance(event, Complete | Interrupted | Error):
            self._end(event)

    def _project_content(self, entry: Entry) -> None:
        if self._attempt_begins:
            self._begin_attempt(verbatim=entry.verbatim is not None)
        if self._verbatim is None:
            self._announce(CREATED)
            self._announce(IN_PROGRESS)
            self._content.add(entry)
        elif entry.verbatim:
            self._verbatim.add(entry.verbatim)

    def _begin_attempt(self, *, verbatim: bool) -> None:
        self._attempt_begins = False
        self._close_verbatim()
        if verbatim:
            self._content.close()
            self._verbatim = VerbatimEvents(self._response, self._writer, self._announced)

    def _close_verbatim(self) -> None:
        """Complete what the attempt that was passed on left open, and continue with content of ours."""
        verbatim, self._verbatim = self._verbatim, None
        if verbatim is not None:
            self._content.items += map(item_of, verbatim.done)
            self._content.items += close_open_items(verbatim.open, self._writer)
            self._content.begin_after(verbatim.count)

    def _revise(self, revision: Revision) -> None:
        """Begin another text: after feedback in items of its own; after a failure nothing can take back the first."""
        if revision.reason == "failover":
            self.is_cut = True
            # What follows takes none of the short ways.
            self._attempt_begins, self._content.plain_kind = True, None
            return
        self._close_verbatim()
        self._content.begin_revision()

    def _announce(self, name: bytes) -> None:
        if name not in self._announced:
            self._announced.add(name)
            status: Status = "queued" if name == QUEUED or not self._is_admitted(name) else "in_progress"
            self._writer.add_response(name.decode(), self._response.encode(status))

    def _is_admitted(self, name: bytes) -> bool:
        return name == IN_PROGRESS or not self._response.background

    def _items(self) -> list[bytes]:
        verbatim = self._verbatim
        return [*self._content.items, *(map(item_of, verbatim.done) if verbatim is not None else ())]

    # Ends.

    def _end(self, end: Terminal) -> None:
        if isinstance(end, Error) and is_cut(end):
            self.is_cut = True
            self.status = "failed"
            self._final = self._failed(end)
            return
        verbatim = self._verbatim
        if verbatim is not None and verbatim.held is not None:
            self.status = "completed" if isinstance(end, Complete) else "failed"
            self._final = verbatim.end(verbatim.held) or self._failed(end)
            return
        self._announce(CREATED)
        self._announce(IN_PROGRESS)
        self._close_verbatim()
        if isinstance(end, Complete):
            self._complete(end)
        elif isinstance(end, Interrupted):
            self._interrupt(end.by, end.reason, end.usage)
        else:
            self._fail(end)

    def _complete(self, end: Complete) -> None:
        reason = _INCOMPLETE.get(end.finish_reason or "")
        self._content.close(finished=reason is None)
        if reason is not None:
            self._end_incomplete(reason, end.usage)
            return
        self.status = "completed"
        self._final = self._response.encode(
            "completed",
            self._content.items,
            usage=end.usage,
            completed_at=self._response.completed_at(end.metrics.duration_ms),
            service_tier=end.response.get("service_tier"),
        )
        self._writer.add_response("response.completed", self._final)

    def _end_incomplete(self, reason: str, usage: Usage | None) -> None:
        """End before the end of the answer, by an event after which no client asks for the same again.

        Codex repeats a request after `response.incomplete`, unless its reason is `max_output_tokens`. A filter would
        refuse the next one, too. So it ends with the event that all clients take for an end; the response in it
        says the rest, and its status and its reason are what OpenAI's are.
        """
        self.status = "incomplete"
        self._final = self._response.encode("incomplete", self._content.items, usage=usage, incomplete_reason=reason)
        name = "response.completed" if reason == "content_filter" else "response.incomplete"
        self._writer.add_response(name, self._final)

    def _interrupt(self, by: str, reason: str | None, usage: Usage | None) -> None:
        """End as no client retries: by an event that all of them know, with the status of a response that was stopped.

        Measured: Codex repeats the whole request after `response.incomplete` (1402 times in a minute if its reason is
        `interrupted`), OpenAI's Python helper and its agents raise after it, and all of them after an event of an
        unknown type. All take this one for the end, Codex and the helpers with the text so far.
        """
        self._content.close(finished=False, drop_calls=True)
        if not any(orjson.loads(item).get("type") == "message" for item in self._content.items):
            # pydantic-ai asks again for an answer without text.
            self._content.add_notice(INTERRUPTED_TEXT)
        self.status = "cancelled"
        interrupted: JsonObject = {"by": by, "reason": reason}
        self._final = self._response.encode("cancelled", self._content.items, usage=usage, interrupted=interrupted)
        self._writer.add_response("response.completed", self._final)

    def _fail(self, end: Error) -> None:
        code = Code(end.code)
        if code is Code.BUDGET_EXCEEDED:
            self._interrupt("budget", end.message, end.usage)
            return
        self._content.close(finished=False, drop_calls=True)
        if code in _INCOMPLETE_FAILURES:
            self._end_incomplete(_INCOMPLETE_FAILURES[code], end.usage)
            return
        self.status, self._final = "failed", self._failed(end)
        self._writer.add_response("response.failed", self._final)

    def _failed(self, end: Terminal) -> bytes:
        error = error_of(end) if isinstance(end, Error) else None
        return self._response.encode("failed", self._items(), usage=end.usage, error=error)


def response_object(start: DialectStart, identity: ResponseIdentity, entries: Iterable[Entry]) -> JsonObject:
    """Return the response object of a generation as its log stands: queued, in progress, or at its end."""
    projection = OpenAIResponsesProjection(start, identity)
    for entry in entries:
        projection.project(entry)
    return projection.response()
