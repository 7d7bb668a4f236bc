"""Input from providers: the event stream, the JSON of each wire format, errors in bodies and headers."""

import asyncio
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Final

import orjson
from pydantic import SecretStr

from gateway.protocol.errors import Failed
from gateway.protocol.event_stream import KEEP_ALIVE_NAMES, EventStreamDecoder, EventTooLongError
from gateway.protocol.events import Chunk, Reasoning, ToolCall, encode
from gateway.simulator.errors import RequestError
from gateway.simulator.formats import FORMATS
from gateway.upstreams.base import Finished, UpstreamEvent
from gateway.upstreams.body_start import EVENT_STREAM, BodyStart
from gateway.upstreams.errors.bodies import MAX_RETRY_AFTER, retry_delay_ms
from gateway.upstreams.errors.failures import from_document, from_stream
from gateway.upstreams.errors.refusals import retry_after_ms
from gateway.upstreams.formats.anthropic import MessagesReader
from gateway.upstreams.formats.base import EventReader
from gateway.upstreams.formats.gemini import GenerateContentReader
from gateway.upstreams.formats.json_values import decode
from gateway.upstreams.formats.openai_chat import ChunkReader
from gateway.upstreams.formats.openai_responses import ResponsesReader
from gateway.upstreams.long_text import cut_long
from gateway.upstreams.sanitize import MAX_MESSAGE_LENGTH, sanitize_message
from tests.fuzz.target import Target, digits, header_text, nested_list, split
from tests.gateway.protocol.test_event_stream import STREAM, reference
from tests.gateway.simulator.formats.examples import DELTAS, encode_stream, make_response, text_script
from tests.gateway.upstreams.replay import decode_each, replay_with_failure, split_batches

SMALL_LIMIT: Final = 64
"""Limit of one event in the test of the decoder's limit, in bytes."""

KEY: Final = SecretStr("sk-of-the-gateway")

GROWTH: Final = 16
"""Maximum bytes of output per byte of input. The worst case is JSON with escapes such as `\\u00e9` inside JSON."""

READERS: Final[dict[str, Callable[[], EventReader]]] = {
    "openai": ChunkReader,
    "openai-responses": ResponsesReader,
    "anthropic": MessagesReader,
    "gemini": GenerateContentReader,
}
_FORMATS: Final = dict(zip(("openai", "anthropic", "gemini", "openai-responses"), FORMATS.values(), strict=True))


@cache
def loop() -> asyncio.AbstractEventLoop:
    """Return the event loop for all inputs of this process."""
    return asyncio.new_event_loop()


def event_stream(data: bytes) -> None:
    """Decode a stream in pieces, at once, by the fast path, and by the reference implementation."""
    pieces, stream = split(data)
    events, retry = _decode(pieces)
    if events is not None:
        assert (events, retry) == _decode([stream])
        assert events == reference(stream.decode("utf-8", "replace"))
        fast = EventStreamDecoder()
        assert [_text(event_data) for piece in pieces for event_data in fast.feed_data(piece)] == [
            text for text, name, _ in events if name not in KEEP_ALIVE_NAMES
        ]
    _check_limit(pieces)


def _decode(pieces: Sequence[bytes]) -> tuple[list[tuple[str, str, str]] | None, int | None]:
    decoder = EventStreamDecoder()
    try:
        events = [event for piece in pieces for event in decoder.feed(piece)]
    except EventTooLongError:
        return None, None
    return [(_text(event.data), event.event, event.last_event_id) for event in events], decoder.retry_ms


def _check_limit(pieces: Sequence[bytes]) -> None:
    decoder = EventStreamDecoder(SMALL_LIMIT)
    for piece in pieces:
        try:
            decoder.feed(piece)
        except EventTooLongError:
            return
        assert len(decoder._tail) + sum(len(line) + 1 for line in decoder._data) <= SMALL_LIMIT


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def answer_stream(provider: str, data: bytes) -> None:
    """Read an answer in pieces by patterns, and event by event. All events of it can be sent to clients."""
    pieces, stream = split(data)
    if BodyStart(EVENT_STREAM).feed(stream) is False:
        # A document in place of a stream is read in another way.
        return
    parts, failure = loop().run_until_complete(
        replay_with_failure([piece for piece in pieces if piece], READERS[provider]())
    )
    if failure is not None:
        _check_failure(failure)
    try:
        decoded, expected_code = decode_each(stream, READERS[provider]())
    except EventTooLongError:
        return
    expected = [*cut_long(decoded)]
    assert list(split_batches(parts)) == expected
    assert ("" if failure is None else failure.code) == expected_code
    assert sum(map(_size, expected)) <= GROWTH * len(stream)


def _size(part: UpstreamEvent) -> int:
    """Encode an event as the log does, and return the size of its content."""
    match part:
        case Chunk() | Reasoning():
            return len(encode(part)) - len(encode(Chunk("")))
        case ToolCall():
            assert encode(part)
            return len(f"{part.id}{part.name}{part.arguments}")
        case Finished():
            return len((part.reason or "").encode())
        case _:
            assert orjson.dumps(part)
            return 0


def error_body(data: bytes) -> None:
    """Read the body of a refusal. The message for clients is one short line without the key."""
    _check_failure(from_document(data, "application/json", KEY))
    wait = retry_delay_ms(data)
    assert wait is None or 0 <= wait <= MAX_RETRY_AFTER * 1000
    _check_message(sanitize_message(_text(data), KEY))
    try:
        error = decode(data)
    except Failed:
        return
    _check_failure(from_stream(error, KEY))


def _check_failure(failure: Failed) -> None:
    assert len(failure.message) <= MAX_MESSAGE_LENGTH + 100
    assert orjson.dumps(failure.message)


def _check_message(message: str) -> None:
    assert len(message) <= MAX_MESSAGE_LENGTH
    assert message.isprintable()
    assert orjson.dumps(message)
    assert KEY.get_secret_value() not in message


def retry_after(data: bytes) -> None:
    """Read the headers with which a provider asks clients to wait."""
    text = header_text(data)
    for name in ("Retry-After", "retry-after-ms"):
        for now in (None, 1e9):
            wait = retry_after_ms({name: text}, now)
            assert wait is None or 0 <= wait <= MAX_RETRY_AFTER * 1000


def _streams(provider: str) -> list[bytes]:
    """Encode some answers as the simulator does, complete and truncated, unsplit and split."""
    provider_format = _FORMATS[provider]
    error = RequestError("no such thing")
    responses = (make_response("c_1"), make_response("c_1", text_script()), make_response("c_1"))
    encoders = [provider_format.stream_encoder(response) for response in responses]
    complete = b"".join(encode_stream(encoders[0]))
    cases = [
        complete,
        b"".join(encode_stream(encoders[1], DELTAS[2:4])),
        encoders[2].start() + encoders[2].keepalive() + encoders[2].error(error),
        encoders[2].malformed(),
    ]
    return [bytes([length]) + case for case in cases for length in (0, 40)]


_STREAM_TOKENS: Final = (
    *(b"data: ", b"\n\n", b"\r\n", b"\r", b"[DONE]", b'"\\ud83d"', b'"\\ude00"', b"null", b"{}", b"[]", b"1e308"),
    *(b'"index":0', b'"text":', b'"error":{"type":"', b'"message":', b'"content":', b'"type":', b'"usage":', b'"id":'),
)
_TOKENS: Final[dict[str, tuple[bytes, ...]]] = {
    "openai": (b'"choices":[', b'"delta":{', b'"tool_calls":[', b'"function":{', b'"arguments":', b'"finish_reason":'),
    "openai-responses": (
        *(b"response.output_text.delta", b"response.output_text.done", b"response.completed", b"response.failed"),
        *(b"response.output_item.added", b"response.output_item.done", b"response.function_call_arguments.delta"),
        *(b"response.reasoning_summary_part.added", b'"output_index":', b'"item":{', b'"call_id":', b'"delta":'),
    ),
    "anthropic": (
        *(b"content_block_start", b"content_block_delta", b"content_block_stop", b"message_start", b"message_delta"),
        *(b"message_stop", b"input_json_delta", b'"partial_json":', b"tool_use", b'"stop_reason":', b"thinking_delta"),
    ),
    "gemini": (
        *(b'"candidates":[{', b'"parts":[', b'"functionCall":{', b'"args":', b'"thought":true', b'"finishReason":'),
        *(b'"responseId":', b'"promptFeedback":{"blockReason":', b'"executableCode":{', b'"codeExecutionResult":{'),
    ),
}

NESTED: Final[dict[str, tuple[bytes, ...]]] = {
    "openai": (
        b'{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"c","function":{"name":"f","arguments":%b}}]}}]}',
        b'{"error":{"code":%b}}',
    ),
    "openai-responses": (
        b'{"type":"response.output_item.done","item":{"type":"message","content":[{"type":%b}]}}',
        b'{"type":"response.failed","response":{"error":{"message":%b}}}',
    ),
    "anthropic": (
        b'{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"c","input":{"a":%b}}}\n\n'
        b'data: {"type":"content_block_stop","index":0}',
    ),
    "gemini": (
        b'{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{"a":%b}}}]}}]}',
        b'{"candidates":[{"content":{"parts":[{"executableCode":{"code":%b}}]}}]}',
    ),
}
"""Events of each format with a nested value where a reader encodes or formats it again."""

TARGETS: Final = [
    Target(
        "event-stream",
        "an upstream's `text/event-stream`",
        "the same for every split, by the fast path, and as the standard defines it; an event is limited",
        event_stream,
        [
            b"\0" + STREAM,
            b"\1" + STREAM,
            b"\5data: a\n\ndata: b\n\n",
            b"\0retry: %b\n" % digits(),
            b"\5" + b"data:\n" * 100,
        ],
        (b"data:", b"data: ", b"event: ", b"id: ", b"retry: 7", b"\r\n", b"\n\n", b"\r", b"\xef\xbb\xbf", b"\0"),
    ),
    *(
        Target(
            f"answer-{provider}",
            f"the JSON of `{provider}`, streamed",
            "the same for every split, and by patterns; only `Failed`; all events can be sent to clients",
            partial(answer_stream, provider),
            [*_streams(provider), *(b"\0data: %b\n\n" % (event % nested_list()) for event in NESTED[provider])],
            (*_STREAM_TOKENS, *tokens),
        )
        for provider, tokens in _TOKENS.items()
    ),
    Target(
        "error-body",
        "the body of an upstream's refusal, and an error in its stream",
        "the message for clients is one short line of printable text, without the key",
        error_body,
        [
            b'{"error":{"message":"max_tokens is too large","type":"invalid_request_error","code":null}}',
            b'{"error":{"code":429,"details":[{"@type":"x","retryDelay":"34.5s"}]}}',
            b'{"error":"see http://10.0.0.1:8000/v1 with sk-of-the-gateway or db.internal:9, token: abcdefg"}',
            b'{"code":"context_length_exceeded","message":"too long"}',
            b'{"type":%b}' % nested_list(),
        ],
        (b'"retryDelay":"1s"', b"invalid_request_error", b"sk-of-the-gateway", b"[::1]:8", b"http://", b".local"),
        fast=True,
    ),
    Target(
        "retry-after",
        "`Retry-After` and `retry-after-ms` of an upstream",
        "no wait, or one of at most a day",
        retry_after,
        [
            b"120",
            b"1.5",
            b"Wed, 21 Oct 2037 07:28:00 GMT",
            b"Wednesday, 21-Oct-37 07:28:00 GMT",
            b"-1",
            b"nan",
            digits(),
        ],
        (b"Jan", b"GMT", b"+0000", b"-2359", b"1e9", b"inf", b"00:00:00"),
        fast=True,
    ),
]
