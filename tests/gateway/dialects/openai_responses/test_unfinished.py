"""Items that an attempt left open."""

import orjson

from gateway.dialects.openai_responses.unfinished import close_open_items, item_of
from gateway.dialects.openai_responses.writer import EventWriter


def line(kind: str, **fields: object) -> bytes:
    return orjson.dumps({"type": f"response.{kind}", "output_index": 0, **fields})


def test_a_summary_is_completed() -> None:
    writer = EventWriter()
    place = {"item_id": "rs_1", "summary_index": 0}
    lines = [
        line("output_item.added", item={"id": "rs_1", "type": "reasoning", "summary": []}),
        line("reasoning_summary_text.delta", **place, delta="Hm"),
        line("reasoning_summary_text.delta", **place, delta="."),
    ]
    [item] = close_open_items(lines, writer)
    assert orjson.loads(item)["summary"] == [{"type": "summary_text", "text": "Hm."}]
    assert [event.name for event in writer.take()] == [
        b"response.reasoning_summary_text.done",
        b"response.reasoning_summary_part.done",
        b"response.output_item.done",
    ]


def test_a_call_is_left_out() -> None:
    lines = [
        line("output_item.added", item={"id": "fc_1", "type": "function_call", "arguments": ""}),
        line("function_call_arguments.delta", item_id="fc_1", delta='{"rm'),
    ]
    writer = EventWriter()
    assert close_open_items(lines, writer) == []
    assert writer.take() == []


def test_an_item_that_is_complete_is_not_repeated() -> None:
    lines = [line("output_item.added", item={"id": "m", "type": "message"}), line("output_item.done", item={"id": "m"})]
    assert close_open_items(lines, EventWriter()) == []
    assert item_of(lines[1]) == b'{"id":"m"}'
