"""JSON of providers that only lenient parsers read."""

import asyncio

import orjson
import pytest

from gateway.dialects.json_data import MAX_DEPTH, as_encodable, decode, decode_encodable, decode_inner
from tests.gateway.dialects.accumulators import READ
from tests.gateway.dialects.pairs import document_of, project, start_of
from tests.gateway.dialects.recording import record
from tests.gateway.upstreams.transcripts.case import FORMATS, Api

BLOCK = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}


def data(*events: str) -> bytes:
    return "".join(f"data: {event}\n\n" for event in events).encode()


STREAMS: dict[str, tuple[Api, bytes]] = {
    "openai_chat": (
        "openai",
        data(
            r'{"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"a \ud83d"}}]}',
            r'{"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"\ude42"},"finish_reason":"stop"}],"x":NaN}',
            '{"id":"c","model":"m","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1}}',
            "[DONE]",
        ),
    ),
    "openai_responses": (
        "openai-responses",
        data(
            r'{"type":"response.output_text.delta","output_index":0,"content_index":0,"delta":"a \ud83d"}',
            r'{"type":"response.output_text.delta","output_index":0,"content_index":0,"delta":"\ude42"}',
            r'{"type":"response.completed","response":{"id":"r","model":"m","status":"completed","usage":null,"x":NaN,'
            r'"output":[{"type":"message","content":[{"type":"output_text","text":"a \ud83d\ude42"}]}],"y":"\ud83d"}}',
        ),
    ),
    "anthropic": (
        "anthropic",
        data(
            '{"type":"message_start","message":{"id":"m","model":"m","content":[],"usage":{"input_tokens":1},'
            '"stop_sequence":null,"x":NaN}}',
            orjson.dumps(BLOCK).decode(),
            r'{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a \ud83d"}}',
            r'{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"\ude42"}}',
            '{"type":"content_block_stop","index":0}',
            '{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":3}}',
            '{"type":"message_stop"}',
        ),
    ),
    "gemini": (
        "gemini",
        data(
            r'{"candidates":[{"content":{"parts":[{"text":"a \ud83d"}]}}]}',
            r'{"candidates":[{"content":{"parts":[{"text":"\ude42"}]},"finishReason":"STOP","x":NaN}]}',
        ),
    ),
}
"""An emoji that is cut in two, and a number that is none."""


@pytest.mark.parametrize("dialect", STREAMS)
def test_a_document_is_made_of_what_only_lenient_parsers_read(dialect: str) -> None:
    api, stream = STREAMS[dialect]
    start = start_of(dialect, stream=False)
    entries = asyncio.run(record(FORMATS[api](), stream, start))
    document = document_of(dialect, start, entries)
    assert READ[dialect](orjson.loads(orjson.dumps(document))).text == "a 🙂"
    events, is_cut = project(dialect, start_of(dialect), entries)
    assert not is_cut
    # What is streamed is the provider's own.
    assert any(rb"\ud83d" in event.data for event in events)


def test_what_is_no_json_is_refused() -> None:
    with pytest.raises(ValueError, match="Expecting value"):
        decode(b"oops")
    assert decode_encodable(b"[1]") == {}


def test_a_document_that_can_be_encoded_stays_as_it_is() -> None:
    document = {"a": 1}
    assert as_encodable(document) is document  # type: ignore[arg-type]
    assert decode_encodable(rb'{"a":"\ud83d"}') == {"a": "\ufffd"}


def test_json_inside_a_text_has_a_maximum_depth() -> None:
    deep = "[" * MAX_DEPTH + "]" * MAX_DEPTH
    assert orjson.dumps([decode_inner(deep), decode_inner("[" + "[]," * 500 + "{}]")])
    for text in (f"[{deep}]", f'{{"a":{deep}}}', "[" * 2000, "x"):
        with pytest.raises(ValueError, match=r"deep|depth|JSON"):
            decode_inner(text)
