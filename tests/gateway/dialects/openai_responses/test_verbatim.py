"""Events that are passed on as they came."""

import orjson

from gateway.dialects.openai_responses.response_object import ResponseObject
from gateway.dialects.openai_responses.verbatim import CREATED, VerbatimEvents
from gateway.dialects.openai_responses.writer import EventWriter
from tests.gateway.dialects.openai_responses.logs import IDENTITY


def verbatim(*announced: bytes) -> tuple[VerbatimEvents, EventWriter]:
    writer = EventWriter()
    return VerbatimEvents(ResponseObject({"previous_response_id": "resp_0"}, IDENTITY), writer, {*announced}), writer


def test_only_the_number_of_an_event_changes() -> None:
    passed, writer = verbatim(CREATED)
    line = b'{"type": "response.new_thing" , "n":1.50, "sequence_number": 7,"delta":"\\"sequence_number\\":1"}'
    passed.add(line)
    [event] = writer.take()
    assert event.data == line.replace(b'"sequence_number": 7', b'"sequence_number":0')
    assert event.name == b"response.new_thing"


def test_an_event_without_a_number_gets_one() -> None:
    passed, writer = verbatim(CREATED)
    passed.add(
        b'{"type":"response.output_text.delta","delta":"a"}\n\n{"type":"response.output_text.delta","delta":"b"}'
    )
    assert [orjson.loads(event.data)["sequence_number"] for event in writer.take()] == [0, 1]


def test_what_is_no_event_of_this_api_is_left_out() -> None:
    passed, writer = verbatim(CREATED)
    passed.add(b'{"type":"keepalive"}')
    assert writer.take() == []


def test_the_response_is_known_by_our_id() -> None:
    passed, writer = verbatim()
    passed.add(b'{"type":"response.created","response":{"id":"resp_x","store":false,"extra":[1]}}')
    [event] = writer.take()
    assert orjson.loads(event.data)["response"] == {
        "id": "resp_1",
        "store": True,
        "extra": [1],
        "background": False,
        "previous_response_id": "resp_0",
    }


def test_the_end_is_held_back() -> None:
    passed, writer = verbatim(CREATED)
    passed.add(b'{"type":"response.completed","response":{"id":"resp_x"}}')
    assert writer.take() == []
    assert passed.held is not None
    assert orjson.loads(passed.end(passed.held))["id"] == "resp_1"
    assert writer.take()[0].name == b"response.completed"


def test_only_what_is_open_is_remembered() -> None:
    passed, _writer = verbatim(CREATED)
    passed.add(b'{"type":"response.output_item.added","output_index":0,"item":{}}')
    passed.add(b'{"type":"response.output_text.delta","delta":"a"}')
    assert len(passed.open) == 2
    passed.add(b'{"type":"response.output_item.done","output_index":0,"item":{"id":"i"}}')
    assert (passed.open, len(passed.done), passed.count) == ([], 1, 1)


def test_a_piece_of_text_is_passed_on_without_reading_it() -> None:
    passed, writer = verbatim(CREATED)
    passed.add(b'{"type":"response.output_item.added","output_index":0,"item":{}}')
    head = b'{"type":"response.output_text.delta","sequence_number":'
    same, other = head + b'1,"delta":"a,b"}', head + b'77,"delta":"c"}'
    assert [passed.text_delta(line) for line in (same, other)] == [same, head + b'2,"delta":"c"}']
    assert passed.open[1:] == [same, other]
    assert writer.number == 3
    assert passed.text_delta(head + b'"x","delta":"c"}') == b""
    assert passed.text_delta(b'{"type": "response.output_text.delta"}') == b""


def test_a_response_that_the_provider_did_not_begin_is_begun() -> None:
    passed, writer = verbatim()
    passed.add(b'{"type":"response.output_text.delta","delta":"a"}')
    passed.add(b'{"type":"response.created","response":{}}')
    assert [event.name for event in writer.take()] == [CREATED, b"response.output_text.delta"]


def test_an_end_without_a_response_is_none() -> None:
    passed, writer = verbatim(CREATED)
    passed.add(b'{"type":"response.completed"}')
    passed.add(b'{"type":"response.completed","response":"x"}')
    assert (passed.held, writer.take()) == (None, [])


def test_the_type_of_an_event_is_its_own() -> None:
    passed, writer = verbatim(CREATED)
    passed.add(b'{"item":{"type":"error"},"output_index":0,"type":"response.output_item.added"}')
    passed.add(b'{"item":{"type":"response.completed"}}')
    assert [event.name for event in writer.take()] == [b"response.output_item.added"]
    assert passed.held is None
