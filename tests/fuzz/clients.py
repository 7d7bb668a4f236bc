"""Input of the Python client, which does not trust a gateway: events, refusals, close codes."""

from typing import Final

import orjson

from gateway.client.event_decoder import decode
from gateway.client.event_stream import _build_frame
from gateway.client.frames import ConnectionLost, error_of_close, read_object, refusal, refusal_of_response
from gateway.client.http_session import MAX_FRAME_BYTES
from gateway.protocol.errors import Refused
from gateway.protocol.event_stream import EventStreamDecoder, EventTooLongError
from gateway.protocol.events import encode
from tests.fuzz.target import Target, digits, header_text, nested_list, split


def client_stream(data: bytes) -> None:
    """Decode a stream as the client does."""
    pieces, _ = split(data)
    decoder = EventStreamDecoder(MAX_FRAME_BYTES)
    try:
        frames = [_build_frame(sent) for piece in pieces for sent in decoder.feed(piece)]
    except (ConnectionLost, Refused, EventTooLongError):
        return
    for frame in frames:
        assert frame.seq >= 0
        if frame.event is not None:
            assert encode(frame.event)


def client_message(data: bytes) -> None:
    """Decode a WebSocket message as the client does: an event or a refusal."""
    try:
        fields = read_object(data)
        refused = refusal(fields)
        event = decode(fields)
    except ConnectionLost:
        return
    assert orjson.dumps(refused.body())
    if event is not None:
        assert encode(event)


def client_refusal(data: bytes) -> None:
    """Decode a refusal. The first line is the status and `Retry-After`, the rest is the body."""
    first_line, _, body = data.partition(b"\n")
    status, _, retry_after = header_text(first_line).partition(" ")
    number = int(status) if status.isascii() and status.isdigit() and len(status) < 5 else 500
    for after in (None, retry_after):
        refused = refusal_of_response(number, body, after)
        assert orjson.dumps(refused.body())
        assert refused.retry_after_ms is None or refused.retry_after_ms >= 0
    assert str(error_of_close(number, retry_after))


_EVENTS: Final = [
    b'{"type":"accepted","generation_id":"g_a","request_id":"r","model":"m"}',
    b'{"type":"chunk","content":"Hi"}',
    b'{"type":"tool_call","index":0,"id":"c","name":"n","arguments":"{}"}',
    b'{"type":"gap","from":1,"to":7,"text":"all"}',
    b'{"type":"revision","revision":2,"feedback_id":"f","cancel_ms":1.5,"reason":"feedback"}',
    (
        b'{"type":"complete","finish_reason":"stop","usage":{"input_tokens":1,"output_tokens":null,"source":"exact"},'
        b'"cost_usd":0.1,"metrics":{"request_id":"r","ttft_ms":1,"duration_ms":2,"queue_ms":0,"chunks":1,"chars":2,'
        b'"bytes":2,"chars_per_s":null,"attempts":1,"revisions":1}}'
    ),
    (
        b'{"type":"error","code":"timeout","message":"x","retryable":true,"retry_after_ms":null,"partial":false,'
        b'"usage":null,"cost_usd":null,"metrics":null}'
    ),
]
_TOKENS: Final = (
    *(b'"type":"', b"chunk", b"reasoning", b"queued", b"retry", b"interrupted", b'"generation_id":"g_a"', b'"seq":1'),
    *(b'"retry_after_ms":', b'"retryable":', b'"code":', b'"message":', b'"param":', b"null", b"1e308", b"-1"),
)

TARGETS: Final = [
    Target(
        "client-stream",
        "the event stream, in the Python client",
        "only `ConnectionLost` and `Refused`; an accepted event can be encoded",
        client_stream,
        [b"\0" + b"".join(b"id: g_a:%d\ndata: %b\n\n" % (seq + 1, event) for seq, event in enumerate(_EVENTS))],
        (*_TOKENS, b"id: g_a:1\n", b"data: ", b"\n\n"),
        fast=True,
    ),
    Target(
        "client-message",
        "messages of the WebSocket, in the Python client",
        "only `ConnectionLost`; an accepted event can be encoded",
        client_message,
        [
            *_EVENTS,
            b'{"type":"rejected","id":1,"code":"rate_limit","message":"m","retryable":true,"retry_after_ms":5,"param":"p"}',
            b'{"type":%b,"code":1}' % nested_list(),
            b'{"code":%b}' % nested_list(),
        ],
        _TOKENS,
        fast=True,
    ),
    Target(
        "client-refusal",
        "refusals and close codes, in the Python client",
        "a `Refused` that can be encoded",
        client_refusal,
        [
            b'429 7\n{"error":{"code":"rate_limit","message":"m","retryable":true,"retry_after_ms":7000,"param":null}}',
            b"502 \n<html>",
            b"429 %b\n" % digits(),
            b"4401 bye\n{}",
        ],
        _TOKENS,
        fast=True,
    ),
]
