"""The log of a generation as a UI message stream. Pure."""

from collections.abc import Sequence

from pydantic import JsonValue

from gateway.dialects.ai_sdk.content import Content
from gateway.dialects.ai_sdk.ends import end_events
from gateway.dialects.ai_sdk.signals import signals
from gateway.dialects.ai_sdk.writer import DONE, chunk
from gateway.dialects.base import ProjectedEvent, ResponseIdentity
from gateway.dialects.entries import CONTENT, TEXT_AT
from gateway.generation.event_log import Entry
from gateway.protocol.events import (
    Accepted,
    Chunk,
    Complete,
    Error,
    Event,
    Interrupted,
    Queued,
    Retry,
    Revision,
    Start,
    Terminal,
    Verbatim,
)


class AiSdkProjection:
    """Turns a log into the chunks of one message; see `Projection`.

    The message begins with the first content: what fails before it leaves no empty message in the chat. Signals come
    before it, too.

    `resets` says that the client knows `reset-step`, by which a new text replaces the one before. Without it, the
    response ends as a lost connection there (`is_cut`): its client resumes, and then gets a projection that leaves out
    what stands before `after`, the position of the newest revision.
    """

    text_name = b""

    def __init__(
        self, identity: ResponseIdentity, message_id: str, *, resets: bool = True, after: int = 0, done: bool = True
    ) -> None:
        self.is_cut = False
        self._identity = identity
        self._message_id = message_id
        self._resets = resets
        self._after = after
        self._last: Sequence[ProjectedEvent] = (DONE,) if done else ()
        self._content = Content()
        self._has_begun = False
        self._accepted: Accepted | None = None
        """What names the generation, until it was sent."""
        self._waits = False
        """The client knows that the answer has to wait."""

    def project(self, entry: Entry) -> Sequence[ProjectedEvent]:
        """See `Projection.project`."""
        if self.is_cut or entry.kind is Verbatim:
            return ()
        if entry.kind in CONTENT:
            return () if entry.last <= self._after else [*self._begin(), *self._content.add(entry)]
        return self._project_event(entry.event, entry.last)

    def project_text(self, entry: Entry) -> bytes:
        """See `TextProjection.project_text`. This runs for each piece of text."""
        prefix = self._content.text_prefix
        return prefix + entry.data[TEXT_AT:] if prefix and entry.kind is Chunk and not self.is_cut else b""

    def _project_event(self, event: Event, seq: int) -> Sequence[ProjectedEvent]:
        match event:
            case Revision():
                return self._revise(event) if seq > self._after else ()
            case Complete() | Interrupted() | Error():
                return self._end(event)
            case Accepted():
                self._accepted = event
                return ()
            case Start():
                had_to_wait, self._waits = self._waits, False
                return signals(event) if had_to_wait else ()
            case Queued() | Retry():
                self._waits = True
                return [*self._named(), *signals(event)]
        return signals(event)

    def _named(self) -> Sequence[ProjectedEvent]:
        """Return the signal that names the generation, once: an answer that waits has sent no `start` yet."""
        accepted, self._accepted = self._accepted, None
        return () if accepted is None or self._has_begun else signals(accepted)

    def _begin(self) -> Sequence[ProjectedEvent]:
        """Return the chunks that stand before the first content of the message."""
        if self._has_begun:
            return ()
        self._has_begun = True
        metadata: dict[str, JsonValue] = {"generationId": self._identity.generation_id, "model": self._identity.model}
        return (chunk("start", messageId=self._message_id, messageMetadata=metadata), chunk("start-step"))

    def _revise(self, revision: Revision) -> Sequence[ProjectedEvent]:
        """Begin another text, in place of the one before."""
        if self._has_begun and not self._resets:
            self.is_cut = True
            return ()
        self._content.forget()
        if not self._has_begun:
            return signals(revision)
        metadata: JsonValue = {"revision": revision.revision}
        return (chunk("reset-step"), *signals(revision), chunk("message-metadata", messageMetadata=metadata))

    def _end(self, end: Terminal) -> Sequence[ProjectedEvent]:
        # An answer without content is a message without parts. Nothing is one if it was stopped before.
        begun = self._begin() if isinstance(end, Complete) else ()
        calls = self._content.calls.finish() if isinstance(end, Complete) else ()
        return [*begun, *self._content.close(), *calls, *end_events(end, has_begun=self._has_begun), *self._last]
