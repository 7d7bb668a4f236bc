"""The events of an attempt that is passed on as it came: the provider speaks this API, too. Pure.

All is passed on field for field. Only what the gateway itself stands for is replaced: the id of the response, `store`,
`previous_response_id`, `background`, and the `sequence_number`, which goes on over all attempts of one response.
"""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

import orjson

from gateway.dialects.base import ProjectedEvent
from gateway.dialects.json_data import decode_encodable
from gateway.dialects.openai_responses.output_items import TEXT_DELTA
from gateway.dialects.openai_responses.response_object import ResponseObject
from gateway.dialects.openai_responses.writer import EventWriter

CREATED: Final = b"response.created"
IN_PROGRESS: Final = b"response.in_progress"
QUEUED: Final = b"response.queued"
ENDS: Final = frozenset({b"response.completed", b"response.incomplete", b"response.failed", b"error"})
_ADDED: Final = b"response.output_item.added"
_DONE: Final = b"response.output_item.done"

_DELTA_HEAD: Final = b'{"type":"%b","sequence_number":' % TEXT_DELTA
"""How OpenAI begins the event of a piece of text."""

_TYPE: Final = re.compile(rb'\{\s*"type"\s*:\s*"(response\.[a-z_.]+|error)"')
_NAME: Final = re.compile(r"response\.[a-z_.]+|error")
_NUMBER: Final = re.compile(rb'"sequence_number"\s*:\s*\d+')
"""A quotation mark inside a string is escaped, so that a text never matches."""


class HeldEnd(NamedTuple):
    """The provider's own end of a response, and the response in it, both encoded."""

    name: bytes
    data: Mapping[str, object]


class VerbatimEvents:
    """The events of one attempt. Its end is held back (`held`): another attempt may follow a failure."""

    def __init__(self, response: ResponseObject, writer: EventWriter, announced: set[bytes]) -> None:
        self.held: HeldEnd | None = None
        self.count = 0
        """Number of items that have begun."""
        self.done: list[bytes] = []
        """The events of items that are complete."""
        self.open: list[bytes] = []
        """The events since all items were complete."""
        self._response = response
        self._writer = writer
        self._announced = announced
        self._unfinished = 0

    def add(self, lines: bytes) -> None:
        """Pass on events, one in a line."""
        if b"\n" not in lines:
            self._add(lines)
            return
        for line in lines.split(b"\n"):
            if line:
                self._add(line)

    def text_delta(self, line: bytes) -> bytes:
        """Return the event of a piece of text, the most common one; b"" if this is another, or written differently."""
        if b"\n" in line:
            return b""
        writer, numbered = self._writer, line
        head = b"%b%d," % (_DELTA_HEAD, writer.number)
        if not line.startswith(head):
            number, comma, rest = line.removeprefix(_DELTA_HEAD).partition(b",")
            if not (comma and number.isdigit() and line.startswith(_DELTA_HEAD)):
                return b""
            numbered = head + rest
        writer.number += 1
        self.open.append(line)
        return numbered

    def _add(self, line: bytes) -> None:
        match = _TYPE.match(line)
        # Where the type is not the first field, an item or a tool before it may have one, too.
        name = match[1] if match is not None else _type_of(line)
        if not name:
            # No event of this API: its clients would fail.
            return
        if name in ENDS:
            end = decode_encodable(line)
            if name == b"error" or isinstance(end.get("response"), dict):
                self.held = HeldEnd(name, end)
        elif name in {CREATED, QUEUED, IN_PROGRESS}:
            if name not in self._announced:
                self._announced.add(name)
                event = decode_encodable(line)
                self._emit_lifecycle(name, event, self._encode_response(event))
        else:
            self._announce()
            self._track(name, line)
            self._emit(name, line)

    def _track(self, name: bytes, line: bytes) -> None:
        self.open.append(line)
        if name == _ADDED:
            self.count += 1
            self._unfinished += 1
        elif name == _DONE:
            self.done.append(line)
            self._unfinished -= 1
            self.count = max(self.count, len(self.done))
            if self._unfinished <= 0:
                self._unfinished = 0
                self.open.clear()

    def _announce(self) -> None:
        """Begin the response if the provider did not: OpenAI's libraries raise without the first event."""
        if CREATED not in self._announced:
            self._writer.add_response(CREATED.decode(), self._response.encode("in_progress"))
        self._announced |= {CREATED, IN_PROGRESS}

    def _emit(self, name: bytes, line: bytes) -> None:
        writer = self._writer
        numbered, found = _NUMBER.subn(b'"sequence_number":%d' % writer.number, line, count=1)
        if not found:
            numbered = b'{"sequence_number":%d,%b' % (writer.number, line[1:].lstrip())
        writer.number += 1
        writer.events.append(ProjectedEvent(numbered, name))

    def end(self, held: HeldEnd) -> bytes:
        """Pass on the provider's own end; return the response in it, encoded, or b"" if it has none."""
        self._announce()
        response = self._encode_response(held.data)
        self._emit_lifecycle(held.name, held.data, response)
        return response

    def _encode_response(self, event: Mapping[str, object]) -> bytes:
        """Encode the response in an event, with what the gateway itself stands for; b"" if there is none."""
        response = event.get("response")
        return orjson.dumps(self._ours(response)) if isinstance(response, dict) else b""

    def _emit_lifecycle(self, name: bytes, event: Mapping[str, object], response: bytes) -> None:
        """Pass on an event about the whole response, which is encoded once: it may repeat large images."""
        whole = {**event, "response": orjson.Fragment(response)} if response else event
        self._emit(name, orjson.dumps(whole))

    def _ours(self, response: Mapping[str, object]) -> dict[str, object]:
        ours = self._response
        return {
            **response,
            "id": ours.id,
            "store": ours.store,
            "background": ours.background,
            "previous_response_id": ours.previous_response_id,
        }


def _type_of(line: bytes) -> bytes:
    """Return the type of an event; b"" if it is none of this API."""
    name = str(decode_encodable(line).get("type"))
    return name.encode() if _NAME.fullmatch(name) else b""
