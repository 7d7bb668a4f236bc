"""Find the running generation that a client asks for again when it sends the same request a second time.

Clients of the APIs of providers send a request again by themselves: after a time-out, a lost connection or a broken
stream, Claude Code without `stream`. Meanwhile the first one may still run, and each would be paid. Two equal requests
alone prove nothing: a program that samples sends them side by side, and wants two answers.
"""

from dataclasses import dataclass, field
from typing import Literal

from gateway.dialects.sent_request import SentRequest
from gateway.generation.state import State
from gateway.pipeline.records import Record
from gateway.protocol.events import Error, Interrupted

OnResend = Literal["attach", "cancel", "ignore"]
_Key = tuple[str, bytes]
"""A principal's id, and the digest of a request."""


@dataclass(eq=False, slots=True)
class _Equal:
    """Running generations that were started by equal requests of one principal, oldest first."""

    running: dict[Record, SentRequest] = field(default_factory=dict)
    failed: int = 0
    """Requests of these that failed: their clients may send each of them once more."""


class Resends:
    """Running generations by the requests that started them. An entry lasts as long as one of them runs."""

    def __init__(self) -> None:
        self._equal: dict[_Key, _Equal] = {}
        self._keys: dict[Record, _Key] = {}

    def __len__(self) -> int:
        return len(self._keys)

    def add(self, record: Record, sent: SentRequest) -> None:
        """Add a generation that begins."""
        key = self._keys[record] = (record.principal.id, sent.digest)
        self._equal.setdefault(key, _Equal()).running[record] = sent

    def find(self, principal_id: str, sent: SentRequest) -> Record | None:
        """Return the record of the generation that a request asks for again; None if it asks for another one.

        It is sent again if the first answer has lost its last reader, if it asks in the same conversation for an answer
        in one piece that was streamed before, or if its client counts it as a retry, and no equal request has failed.
        """
        equal = self._equal.get((principal_id, sent.digest))
        if equal is None:
            return None
        running = {record: first for record, first in equal.running.items() if not _is_stopping(record)}
        for record, first in running.items():
            if record.was_viewed and not (record.viewers or first.is_background):
                return record
            if first.stream and not sent.stream and sent.session and sent.session == first.session:
                return record
        if not sent.is_retry:
            return None
        failed = equal.failed + len(equal.running) - len(running)
        if failed:
            self._take_failed(equal)
            return None
        return next(iter(running), None)

    def on_refused(self, principal_id: str, sent: SentRequest) -> None:
        """Record that a request was refused: its retry is not one of a request that was not."""
        equal = self._equal.get((principal_id, sent.digest))
        if equal is not None:
            equal.failed += 1

    def forget(self, record: Record) -> None:
        """Forget a generation that has ended."""
        key = self._keys.pop(record, None)
        if key is None:
            return
        equal, end = self._equal.get(key), record.generation.end
        if equal is not None and equal.running.pop(record, None) is not None:
            equal.failed += isinstance(end, Error) or (isinstance(end, Interrupted) and end.by == "disconnect")
        if equal is not None and not equal.running:
            del self._equal[key]

    def _take_failed(self, equal: _Equal) -> None:
        """Count one retry of a request that failed, or of one that is being stopped because its client has left."""
        if equal.failed:
            equal.failed -= 1
        else:
            del equal.running[next(record for record in equal.running if _is_stopping(record))]


def _is_stopping(record: Record) -> bool:
    state = record.generation.state
    return state is State.STOPPING or state.is_terminal
