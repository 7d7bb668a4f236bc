"""Where texts stand in the data of entries."""

import orjson

from gateway.dialects.entries import CONTENT, REASONING_AT, TEXT_AT
from gateway.generation.event_log import EventLog
from gateway.protocol.events import Chunk, Reasoning, Verbatim


def test_the_string_of_a_text_is_copied_from_its_entry() -> None:
    log, texts = EventLog("g_1"), ('"\n', "🙂}")
    log.extend([Chunk(texts[0]), Reasoning(texts[1])])
    text, reasoning = log.since(0)
    assert orjson.loads(text.data[TEXT_AT:-1]) == texts[0]
    assert orjson.loads(reasoning.data[REASONING_AT:-1]) == texts[1]


def test_data_of_a_provider_is_no_content() -> None:
    assert Verbatim not in CONTENT
