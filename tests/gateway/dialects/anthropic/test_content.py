"""Content of a log as blocks."""

from gateway.dialects.anthropic.content import Content
from gateway.dialects.anthropic.writer import EventWriter
from gateway.dialects.base import ResponseIdentity
from gateway.generation.event_log import EventLog
from gateway.protocol.events import Chunk, Part, Reasoning
from gateway.protocol.events import Content as Logged


def content(*events: Logged, shows_thinking: bool = True) -> tuple[Content, EventWriter]:
    """Return content after these events, and the writer that it writes with."""
    log, writer = EventLog("g_1"), EventWriter(ResponseIdentity("g_1", "m", 1_700_000_000))
    log.extend(events)
    added = Content(writer, shows_thinking=shows_thinking)
    for entry in log.since(0):
        added.add(entry)
    return added, writer


def test_a_text_goes_on_by_its_head_until_other_content_comes() -> None:
    assert content(Chunk("a"))[0].text_head.endswith(b'"text":')
    assert content(Chunk("a"), Reasoning("b"))[0].text_head == b""


def test_thinking_that_was_not_asked_for_begins_the_message_alone() -> None:
    _, writer = content(Reasoning("Hm."), shows_thinking=False)
    assert [event.name for event in writer.take()] == [b"message_start"]


def test_a_refusal_lasts_until_another_text_begins() -> None:
    refused, _ = content(Part("refusal", {}), Chunk("No."))
    refused.begin_text()
    assert (refused.refuses, refused.text_head) == (False, b"")
