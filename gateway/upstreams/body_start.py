"""Decide by the beginning of a body whether it is a stream of events, because its content type may be wrong. Pure."""

import re
from typing import Final

from gateway.protocol.event_stream import BYTE_ORDER_MARK

EVENT_STREAM: Final = "text/event-stream"
_FIELD: Final = re.compile(rb"(?:data|event|id|retry)?[ ]?:")
_LONGEST_FIELD: Final = len(b"event :")


class BodyStart:
    """The beginning of a body, until it is known what the body is.

    Some servers label their streams text/plain, and some send an error as JSON with status 200, under either name. A
    body labelled as a stream is one unless it begins as JSON or markup; another is one only if it begins with a field.
    `is_json`: it is not a stream, but may be a JSON document, of which `held` is what has come.
    """

    def __init__(self, content_type: str) -> None:
        self.content_type = content_type
        self.is_json = False
        self.size = 0
        self._reads: list[bytes] = []

    @property
    def held(self) -> bytes:
        """Return all that was read, from its first character that is no white space."""
        return b"".join(self._reads)

    def feed(self, data: bytes) -> bool | None:
        """Add what was read. Return True if the body is a stream, False if not, None if that is not known yet."""
        self._reads.append(data)
        self.size += len(data)
        if self.is_json:
            # Known already: a long document is not searched, or copied, at each read.
            return False
        text = self.held.removeprefix(BYTE_ORDER_MARK).lstrip()
        self._reads, self.size = [text], len(text)
        if not text or BYTE_ORDER_MARK.startswith(text):
            return None
        self.is_json = text[:1] in (b"{", b"[")
        if self.content_type == EVENT_STREAM:
            return not (self.is_json or text[:1] == b"<")
        if _FIELD.match(text):
            return True
        return None if len(text) < _LONGEST_FIELD and not self.is_json else False
