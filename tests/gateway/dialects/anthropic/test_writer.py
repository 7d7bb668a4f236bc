"""The events of one message, block by block."""

from gateway.dialects.anthropic.writer import EventWriter
from tests.gateway.dialects.anthropic.projected import IDENTITY


def test_blocks_are_numbered_after_those_of_the_provider() -> None:
    writer = EventWriter(IDENTITY)
    writer.note_start()
    writer.note_block(2, "text")
    assert writer.enter("text") == 2
    assert writer.take() == []
    assert writer.enter("thinking") == 3
    assert [event.name for event in writer.take()] == [b"content_block_stop", b"content_block_start"]


def test_blocks_with_an_input_are_not_closed_before_their_end() -> None:
    writer = EventWriter(IDENTITY)
    for index, kind in enumerate(("text", "tool_use", "server_tool_use")):
        writer.note_block(index, kind)
    writer.abandon_blocks()
    assert writer.open == {}
    assert [event.data for event in writer.take()] == [b'{"type":"content_block_stop","index":0}']


def test_a_text_is_written_as_json() -> None:
    writer = EventWriter(IDENTITY)
    writer.text(writer.enter("thinking"), b'"a\\n"')
    assert writer.take()[-1].data == (
        b'{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"a\\n"}}'
    )


def test_an_empty_delta_adds_nothing_to_the_open_block() -> None:
    writer = EventWriter(IDENTITY)
    assert writer.empty_delta() == ()
    index = writer.enter("thinking")
    assert [event.data for event in writer.empty_delta()] == [
        b'{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":""}}'
    ]
    writer.close(index)
    writer.note_block(1, "web_search_tool_result")
    assert writer.empty_delta() == ()
