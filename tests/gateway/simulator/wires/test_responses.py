"""What is expected is written down from platform.openai.com/docs, API reference, "Streaming events" of Responses."""

from collections.abc import Callable
from typing import Any

import orjson
import pytest

from gateway.simulator.errors import RequestError
from gateway.simulator.script import Script, Usage
from gateway.simulator.wires.responses import ResponseEvents, Responses
from tests.gateway.simulator.wires.examples import CALLS, DELTAS, SCRIPT, answer, named, plain, played

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


def call(place: int, status: str, arguments: str) -> dict[str, object]:
    made = CALLS[place]
    return {
        "id": f"fc_{made.id[5:]}",
        "type": "function_call",
        "status": status,
        "arguments": arguments,
        "call_id": made.id,
        "name": made.name,
    }


OUTPUT = [
    reasoning("Hm, so."),
    message("completed", "Chào bạn"),
    call(0, "completed", '{"at": "ễ"}'),
    call(1, "completed", "{}"),
]


def events(script: Script = SCRIPT) -> list[dict[str, Any]]:
    deltas = DELTAS if script is SCRIPT else DELTAS[2:4]
    found = list(named(b"".join(played(ResponseEvents(answer("resp_1", script)), deltas))))
    assert [event.pop("sequence_number") for event in found] == list(range(len(found)))
    return found


def of_item(index: int, identity: str, **place: int) -> Callable[..., dict[str, object]]:
    def make(kind: str, **fields: object) -> dict[str, object]:
        return {"type": f"response.{kind}", "item_id": identity, "output_index": index, **place, **fields}

    return make


def added(index: int, item: object) -> dict[str, object]:
    return {"type": "response.output_item.added", "output_index": index, "item": item}


def done(index: int, item: object) -> dict[str, object]:
    return {"type": "response.output_item.done", "output_index": index, "item": item}


def test_events_are_those_of_the_documentation() -> None:
    created, in_progress, *items, completed = events()
    assert (created["type"], in_progress["type"]) == ("response.created", "response.in_progress")
    for begun in (created["response"], in_progress["response"]):
        assert (begun["id"], begun["status"], begun["output"], begun["usage"]) == ("resp_1", "in_progress", [], None)
    thought = of_item(0, "rs_1", summary_index=0)
    said = of_item(1, "msg_1", content_index=0)
    first = of_item(2, "fc_0a0b0c0d0e")
    second = of_item(3, "fc_1a1b1c1d1e")
    assert items == [
        added(0, reasoning()),
        thought("reasoning_summary_part.added", part={"type": "summary_text", "text": ""}),
        thought("reasoning_summary_text.delta", delta="Hm,"),
        thought("reasoning_summary_text.delta", delta=" so."),
        thought("reasoning_summary_text.done", text="Hm, so."),
        thought("reasoning_summary_part.done", part={"type": "summary_text", "text": "Hm, so."}),
        done(0, OUTPUT[0]),
        added(1, message("in_progress")),
        said("content_part.added", part=part("")),
        said("output_text.delta", delta="Chào ", logprobs=[]),
        said("output_text.delta", delta="bạn", logprobs=[]),
        said("output_text.done", text="Chào bạn", logprobs=[]),
        said("content_part.done", part=part("Chào bạn")),
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
    assert completed["response"] == orjson.loads(Responses().whole(answer("resp_1")))


def test_whole_response_has_all_output_and_usage() -> None:
    whole = orjson.loads(Responses().whole(answer("resp_1")))
    assert (whole["id"], whole["object"], whole["created_at"], whole["model"]) == ("resp_1", "response", 5, "sim")
    assert (whole["status"], whole["output"], whole["usage"]) == ("completed", OUTPUT, USAGE)
    assert whole["error"] is whole["incomplete_details"] is None


def test_answer_cut_off_is_incomplete() -> None:
    *_, item, last = events(plain(finish_reason="length"))
    assert item["item"] == message("incomplete", "Chào bạn")
    assert last["type"] == "response.incomplete"
    assert last["response"]["incomplete_details"] == {"reason": "max_output_tokens"}


def test_error_is_told_by_itself_and_in_the_failed_response() -> None:
    frames = ResponseEvents(answer("resp_1"))
    frames.start()
    broken = RequestError("Broken.", status=500, kind="server_error", code="stream_error")
    error, failed = named(frames.error(broken))
    detail = {"type": "server_error", "code": "stream_error", "message": "Broken.", "param": None}
    assert error == {"type": "error", "sequence_number": 2, "error": detail}
    response: Any = failed["response"]
    assert (failed["type"], failed["sequence_number"], response["status"]) == ("response.failed", 3, "failed")
    assert response["error"] == {"code": "server_error", "message": "Broken."}


def test_sign_of_life_has_a_number() -> None:
    frames = ResponseEvents(answer("resp_1"))
    frames.start()
    assert list(named(frames.nothing())) == [{"type": "keepalive", "sequence_number": 2}]


def test_huge_line_closes_the_thoughts_and_leaves_a_call_open() -> None:
    frames = ResponseEvents(answer("resp_1"))
    frames.delta(DELTAS[0])
    *_, huge = named(frames.huge())
    assert (huge["item_id"], huge["output_index"]) == ("msg_1", 1)
    frames.delta(DELTAS[4])
    (huge,) = named(frames.huge())
    assert (huge["item_id"], huge["output_index"]) == ("fc_0a0b0c0d0e", 2)


@pytest.mark.parametrize("text", ["", "x"])
def test_output_has_only_what_was_said(text: str) -> None:
    script = plain(text=text, usage=Usage(prompt=1, completion=0))
    whole = orjson.loads(Responses().whole(answer("resp_1", script)))
    assert whole["output"] == ([message("completed", "x")] if text else [])
