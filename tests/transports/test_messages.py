"""Messages: the position of an event in its JSON."""

import orjson
from hypothesis import given
from hypothesis import strategies as st

from gateway.generation.event_log import Entry, EventLog
from gateway.protocol.events import Accepted, Chunk
from transports.messages import message_head


def entry_of(event: Accepted | Chunk) -> Entry:
    log = EventLog("g_1")
    log.append(event)
    return log.since(0)[0]


def message_of(entry: Entry) -> bytes:
    return message_head("g_1", entry) + entry.data[1:]


@given(st.text())
def test_a_message_is_the_event_with_its_position(text: str) -> None:
    expected = {"generation_id": "g_1", "seq": 1, "type": "chunk", "content": text}
    assert orjson.loads(message_of(entry_of(Chunk(text)))) == expected


def test_the_first_event_names_its_generation_itself() -> None:
    message = message_of(entry_of(Accepted("g_1", "r", "m")))
    assert message.count(b"generation_id") == 1
    assert orjson.loads(message)["generation_id"] == "g_1"
