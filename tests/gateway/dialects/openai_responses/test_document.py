"""A response that is not streamed."""

import orjson

from gateway.dialects.base import ProjectedEvent
from gateway.dialects.openai_responses.document import document
from gateway.protocol.events import Chunk
from tests.gateway.dialects.openai_responses.logs import COMPLETE, decoded, log_of, project_entries


def test_it_is_the_response_of_the_last_event() -> None:
    events = project_entries(log_of([Chunk("Hi"), COMPLETE]).since(0))
    assert document(events) == decoded(events)[-1]["response"]


def test_a_provider_that_repeats_no_items_at_the_end_loses_none() -> None:
    item = {"type": "response.output_item.done", "item": {"id": "msg_1"}}
    end = {"type": "response.completed", "response": {"id": "resp_1", "output": []}}
    events = [ProjectedEvent(orjson.dumps(each), each["type"].encode()) for each in (item, end)]  # type: ignore[attr-defined]
    assert document(events) == {"id": "resp_1", "output": [{"id": "msg_1"}]}


def test_an_end_without_a_response() -> None:
    assert document([ProjectedEvent(b'{"response":"x"}', b"response.completed")]) == {"output": []}
