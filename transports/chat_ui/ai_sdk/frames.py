"""The frames of `WebSocketChatTransport` (version 7 of the AI SDK): what its client sends and reads.

Source: ai-sdk.dev/docs/ai-sdk-ui/transport, "WebSocket Chat Transport". The client gives up all its streams at a frame
of an unknown type and at a gap in `sequence`; it ignores a frame with a `requestId` that it does not know.
"""

from typing import NamedTuple

import orjson

from gateway.dialects.base import ProjectedEvent
from gateway.dialects.fields import malformed, text_at
from gateway.protocol.commands import MAX_ID_LENGTH, JsonObject

KINDS = ("send", "resume", "abort")


class Frame(NamedTuple):
    """A frame of the client. Names of headers are in lower case."""

    kind: str
    request_id: str
    fields: JsonObject
    headers: dict[str, str]


def read_frame(value: JsonObject) -> Frame:
    """Return the frame of a client.

    Raises:
        Refused: it is not valid.
    """
    request_id = text_at(value.get("requestId"), "requestId")
    if not 1 <= len(request_id) <= MAX_ID_LENGTH:
        raise malformed("requestId", f"must have 1 to {MAX_ID_LENGTH} characters")
    kind = value.get("type")
    if not isinstance(kind, str) or kind not in KINDS:
        raise malformed("type", f"must be one of {', '.join(KINDS)}")
    return Frame(kind, request_id, value, _headers(value))


def body_of(frame: Frame) -> JsonObject:
    """Return the body that the same message has over HTTP: what the application adds, and what the SDK sets.

    Raises:
        Refused: it is not valid.
    """
    added = frame.fields.get("body", {})
    if not isinstance(added, dict):
        raise malformed("body", "must be an object")
    names = ("id", "messages", "trigger", "messageId")
    return {**added, **{name: frame.fields[name] for name in names if name in frame.fields}}


def next_sequence(frame: Frame) -> int:
    """Return the number of the first chunk that the client wants.

    Raises:
        Refused: the number of its last chunk is not valid.
    """
    last = frame.fields.get("lastSequence")
    if last is None:
        return 0
    if isinstance(last, bool) or not isinstance(last, int) or not 0 <= last < 2**53:
        raise malformed("lastSequence", "must be the sequence of the last chunk that came: 0 or more")
    return last + 1


def chunk_frame(request_id: str, number: int, event: ProjectedEvent) -> bytes:
    """Return the frame of a chunk."""
    named = orjson.dumps(request_id)
    return b'{"type":"chunk","requestId":%b,"sequence":%d,"chunk":%b}' % (named, number, event.data)


def frame(kind: str, request_id: str, **fields: str) -> dict[str, object]:
    """Return a frame without a chunk."""
    return {"type": kind, "requestId": request_id, **fields}


def _headers(value: JsonObject) -> dict[str, str]:
    headers = value.get("headers", {})
    if not isinstance(headers, dict):
        raise malformed("headers", "must be an object of strings")
    return {name.lower(): text_at(header, f"headers.{name[:64]}") for name, header in headers.items()}
