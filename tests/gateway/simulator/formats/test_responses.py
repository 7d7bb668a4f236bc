"""Expected events are from platform.openai.com/docs, API reference, "Streaming events" of Responses."""

from collections.abc import Callable
from typing import Any

import orjson
import pytest

from gateway.simulator.errors import RequestError
from gateway.simulator.formats.responses import ResponsesEncoder, ResponsesFormat
from gateway.simulator.script import Script, Usage
from tests.gateway.simulator.formats.examples import (
    CALLS,
    DELTAS,
    SCRIPT,
    encode_stream,
    make_response,
    parse_events,
    text_script,
)

USAGE = {
    "input_tokens": 9,
    "input_tokens_details": {"cache_write_tokens": 0, "cached_tokens": 4},
    "output_tokens": 12,
    "output_tokens_details": {"reasoning_tokens": 2},
    "total_tokens": 21,
}


def reasoning(*texts: str) -> dict[str, object]:
    return {"id": "rs_1", "type": "reasoning", "summary": [{"type": "summary_text", "text": text} for text in texts]}


def part(text: str) -> dict[str, object]:
    return {"type": "output_text", "annotations": [], "logprobs": [], "text": text}


def message(status: str, *texts: str) -> dict[str, object]:
    content = [part(text) for text in texts]
    return {"id": "msg_1", "type": "message", "status": status, "content": content, "role": "assistant"}


def call(index: int, status: str, arguments: str) -> dict[str, object]:
    tool_call = CALLS[index]
    return {
        "id": f"fc_{tool_call.id[5:]}",
        "type": "function_call",
        "status": status,
        "arguments": arguments,
        "call_id": tool_call.id,
        "name": tool_call.name,
    }


OUTPUT = [
    reasoning("Hm, so."),
    message("completed", "Chào bạn"),
    call(0, "completed", '{"at": "ễ"}'),
    call(1, "completed", "{}"),
]


def events(script: Script = SCRIPT) -> list[dict[str, Any]]:
    deltas = DELTAS if script is SCRIPT else DELTAS[2:4]
    sent = list(parse_events(b"".join(encode_stream(ResponsesEncoder(make_response("resp_1", script)), deltas))))
    assert [event.pop("sequence_number") for event in sent] == list(range(len(sent)))
    return sent


def item_event(index: int, identity: str, **indexes: int) -> Callable[..., dict[str, object]]:
    def make(kind: str, **fields: object) -> dict[str, object]:
        return {"type": f"response.{kind}", "item_id": identity, "output_index": index, **indexes, **fields}

    return make


def added(index: int, item: object) -> dict[str, object]:
    return {"type": "response.output_item.added", "output_index": index, "item": item}


def done(index: int, item: object) -> dict[str, object]:
    return {"type": "response.output_item.done", "output_index": index, "item": item}


def test_events_are_those_of_the_documentation() -> None:
    created, in_progress, *items, completed = events()
    assert (created["type"], in_progress["type"]) == ("response.created", "response.in_progress")
    for response in (created["response"], in_progress["response"]):
        assert (response["id"], response["status"], response["output"], response["usage"]) == (
            "resp_1",
            "in_progress",
            [],
            None,
        )
    thinking = item_event(0, "rs_1", summary_index=0)
    text_event = item_event(1, "msg_1", content_index=0)
    first = item_event(2, "fc_0a0b0c0d0e")
    second = item_event(3, "fc_1a1b1c1d1e")
    assert items == [
        added(0, reasoning()),
        thinking("reasoning_summary_part.added", part={"type": "summary_text", "text": ""}),
        thinking("reasoning_summary_text.delta", delta="Hm,"),
        thinking("reasoning_summary_text.delta", delta=" so."),
        thinking("reasoning_summary_text.done", text="Hm, so."),
        thinking("reasoning_summary_part.done", part={"type": "summary_text", "text": "Hm, so."}),
        done(0, OUTPUT[0]),
        added(1, message("in_progress")),
        text_event("content_part.added", part=part("")),
        text_event("output_text.delta", delta="Chào ", logprobs=[]),
        text_event("output_text.delta", delta="bạn", logprobs=[]),
        text_event("output_text.done", text="Chào bạn", logprobs=[]),
        text_event("content_part.done", part=part("Chào bạn")),
        done(1, OUTPUT[1]),
        added(2, call(0, "in_progress", "")),
        first("function_call_arguments.delta", delta='{"at":'),
        first("function_call_arguments.delta", delta=' "ễ"}'),
        first("function_call_arguments.done", arguments='{"at": "ễ"}'),
        done(2, OUTPUT[2]),
        added(3, call(1, "in_progress", "")),
        second("function_call_arguments.delta", delta="{}"),
        second("function_call_arguments.done", arguments="{}"),
        done(3, OUTPUT[3]),
    ]
    assert completed["type"] == "response.completed"
    assert completed["response"] == orjson.loads(ResponsesFormat().encode_response(make_response("resp_1")))


def test_whole_response_has_all_output_and_usage() -> None:
    response = orjson.loads(ResponsesFormat().encode_response(make_response("resp_1")))
    assert (response["id"], response["object"], response["created_at"], response["model"]) == (
        "resp_1",
        "response",
        5,
        "sim",
    )
    assert (response["status"], response["output"], response["usage"]) == ("completed", OUTPUT, USAGE)
    assert response["error"] is response["incomplete_details"] is None


def test_truncated_response_is_incomplete() -> None:
    *_, item, last = events(text_script(finish_reason="length"))
    assert item["item"] == message("incomplete", "Chào bạn")
    assert last["type"] == "response.incomplete"
    assert last["response"]["incomplete_details"] == {"reason": "max_output_tokens"}


def test_error_is_an_event_and_in_the_failed_response() -> None:
    encoder = ResponsesEncoder(make_response("resp_1"))
    encoder.start()
    stream_error = RequestError("Broken.", status=500, kind="server_error", code="stream_error")
    error, failed = parse_events(encoder.error(stream_error))
    detail = {"type": "server_error", "code": "stream_error", "message": "Broken.", "param": None}
    assert error == {"type": "error", "sequence_number": 2, "error": detail}
    response: Any = failed["response"]
    assert (failed["type"], failed["sequence_number"], response["status"]) == ("response.failed", 3, "failed")
    assert response["error"] == {"code": "server_error", "message": "Broken."}


def test_keepalive_has_a_sequence_number() -> None:
    encoder = ResponsesEncoder(make_response("resp_1"))
    encoder.start()
    assert list(parse_events(encoder.keepalive())) == [{"type": "keepalive", "sequence_number": 2}]


def test_oversized_line_closes_the_reasoning_and_stays_in_a_call() -> None:
    encoder = ResponsesEncoder(make_response("resp_1"))
    encoder.delta(DELTAS[0])
    *_, oversized = parse_events(encoder.oversized())
    assert (oversized["item_id"], oversized["output_index"]) == ("msg_1", 1)
    encoder.delta(DELTAS[4])
    (oversized,) = parse_events(encoder.oversized())
    assert (oversized["item_id"], oversized["output_index"]) == ("fc_0a0b0c0d0e", 2)


@pytest.mark.parametrize("text", ["", "x"])
def test_output_has_no_empty_message(text: str) -> None:
    script = text_script(text=text, usage=Usage(prompt=1, completion=0))
    response = orjson.loads(ResponsesFormat().encode_response(make_response("resp_1", script)))
    assert response["output"] == ([message("completed", "x")] if text else [])
