"""Expected events are from platform.claude.com/docs, "Streaming messages"."""

from dataclasses import replace

import orjson
import pytest

from gateway.simulator.errors import RequestError
from gateway.simulator.formats.messages import MessagesEncoder, MessagesFormat
from gateway.simulator.script import Delta
from tests.gateway.simulator.formats.examples import (
    DELTAS,
    SCRIPT,
    SIGNATURE,
    encode_stream,
    make_response,
    parse_events,
    text_script,
)

MESSAGE = {"id": "msg_1", "type": "message", "role": "assistant", "model": "sim"}
PROMPT = {"input_tokens": 5, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 4}
COMPLETION = {"output_tokens": 12, "output_tokens_details": {"thinking_tokens": 2}}


def start(index: int, block: object) -> object:
    return {"type": "content_block_start", "index": index, "content_block": block}


def delta(index: int, kind: str, name: str, text: str) -> object:
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, name: text}}


def stop(index: int) -> object:
    return {"type": "content_block_stop", "index": index}


def tool_use(identity: str, name: str, arguments: object) -> object:
    return {"type": "tool_use", "id": identity, "name": name, "input": arguments}


def test_events_are_those_of_the_documentation() -> None:
    ending = {"stop_reason": None, "stop_sequence": None}
    message = MESSAGE | ending | {"content": [], "usage": PROMPT | {"output_tokens": 1}}
    assert list(parse_events(b"".join(encode_stream(MessagesEncoder(make_response("msg_1")))))) == [
        {"type": "message_start", "message": message},
        start(0, {"type": "thinking", "thinking": "", "signature": ""}),
        {"type": "ping"},
        delta(0, "thinking_delta", "thinking", "Hm,"),
        delta(0, "thinking_delta", "thinking", " so."),
        delta(0, "signature_delta", "signature", SIGNATURE),
        stop(0),
        start(1, {"type": "text", "text": ""}),
        delta(1, "text_delta", "text", "Chào "),
        delta(1, "text_delta", "text", "bạn"),
        stop(1),
        start(2, tool_use("toolu_0a0b0c0d0e", "look", {})),
        delta(2, "input_json_delta", "partial_json", ""),
        delta(2, "input_json_delta", "partial_json", '{"at":'),
        delta(2, "input_json_delta", "partial_json", ' "ễ"}'),
        stop(2),
        start(3, tool_use("toolu_1a1b1c1d1e", "find", {})),
        delta(3, "input_json_delta", "partial_json", ""),
        delta(3, "input_json_delta", "partial_json", "{}"),
        stop(3),
        {
            "type": "message_delta",
            "delta": {"stop_reason": "tool_use", "stop_sequence": None},
            "usage": PROMPT | COMPLETION,
        },
        {"type": "message_stop"},
    ]


def test_whole_message_has_a_block_for_each_part() -> None:
    assert orjson.loads(MessagesFormat().encode_response(make_response("msg_1"))) == MESSAGE | {
        "content": [
            {"type": "thinking", "thinking": "Hm, so.", "signature": SIGNATURE},
            {"type": "text", "text": "Chào bạn"},
            tool_use("toolu_0a0b0c0d0e", "look", {"at": "ễ"}),
            tool_use("toolu_1a1b1c1d1e", "find", {}),
        ],
        "stop_reason": "tool_use",
        "stop_sequence": None,
        "usage": PROMPT | COMPLETION,
    }


@pytest.mark.parametrize(
    ("changes", "reason", "sequence"),
    [
        ({}, "end_turn", None),
        ({"finish_reason": "length"}, "max_tokens", None),
        ({"stop": "END"}, "stop_sequence", "END"),
    ],
)
def test_stop_reason_and_sequence(changes: dict[str, object], reason: str, sequence: str | None) -> None:
    script = text_script(**changes)
    message = orjson.loads(MessagesFormat().encode_response(make_response("msg_1", script)))
    assert (message["stop_reason"], message["stop_sequence"]) == (reason, sequence)
    *_, last, _ = parse_events(b"".join(encode_stream(MessagesEncoder(make_response("msg_1", script)), DELTAS[2:4])))
    assert last["delta"] == {"stop_reason": reason, "stop_sequence": sequence}


def test_response_without_content_has_no_block() -> None:
    encoder = MessagesEncoder(make_response("msg_1", text_script(text="")))
    kinds = [event["type"] for event in parse_events(b"".join(encode_stream(encoder, ())))]
    assert kinds == ["message_start", "message_delta", "message_stop"]


def test_error_may_come_inside_of_a_block() -> None:
    encoder = MessagesEncoder(make_response("msg_1"))
    encoder.delta(DELTAS[2])
    (error,) = parse_events(encoder.error(RequestError("Broken.", status=500, kind="server_error")))
    assert error == {"type": "error", "error": {"type": "api_error", "message": "Broken."}}


def test_oversized_line_closes_a_thinking_block_and_stays_in_a_tool_use() -> None:
    encoder = MessagesEncoder(make_response("msg_1"))
    encoder.delta(DELTAS[0])
    assert [event["type"] for event in parse_events(encoder.oversized())] == [
        "content_block_delta",
        "content_block_stop",
        "content_block_start",
        "content_block_delta",
    ]
    encoder.delta(Delta("tool", "", 0, SCRIPT.tool_calls[0]))
    (oversized,) = parse_events(encoder.oversized())
    assert oversized["index"] == 2


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, "invalid_request_error"), (404, "not_found_error"), (413, "request_too_large"), (503, "api_error")],
)
def test_error_has_the_type_of_its_status(status: int, kind: str) -> None:
    body, _ = MessagesFormat().encode_error(RequestError("Do that.", status=status))
    assert orjson.loads(body) == {"type": "error", "error": {"type": kind, "message": "Do that."}}


def test_usage_without_reasoning_has_no_details() -> None:
    usage = orjson.loads(
        MessagesFormat().encode_response(make_response("msg_1", text_script(usage=replace(SCRIPT.usage, reasoning=0))))
    )["usage"]
    assert usage == PROMPT | {"output_tokens": 12}
