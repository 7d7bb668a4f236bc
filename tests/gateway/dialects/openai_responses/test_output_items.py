"""Items while they are streamed."""

import orjson
import pytest

from gateway.dialects.openai_responses.output_items import CallItem, MessageItem, custom_input, joined
from gateway.dialects.openai_responses.tool_names import ToolName
from gateway.dialects.openai_responses.writer import EventWriter


def test_pieces_of_text_are_joined_without_decoding() -> None:
    assert joined([b'"a\\n"', b'"\\u00e9"', b'""']) == b'"a\\n\\u00e9"'


def test_an_annotation_with_a_place_of_its_own_keeps_it() -> None:
    writer = EventWriter()
    item = MessageItem("msg_1_0", 0, writer)
    item.annotate({"type": "url_citation", "url": "u", "title": "", "start_index": 1, "end_index": 4}, writer)
    done = orjson.loads(item.close(writer, "completed"))
    assert done["content"][0]["annotations"][0]["start_index"] == 1


def test_a_call_that_was_cut_short_is_incomplete() -> None:
    writer = EventWriter()
    call = CallItem("fc_1_0", 0, "c1", ToolName("f", None, custom=False), writer)
    call.add(b'"{\\"a"', writer)
    done = orjson.loads(call.close(writer, "incomplete"))
    assert (done["status"], done["arguments"]) == ("incomplete", '{"a')


@pytest.mark.parametrize(
    ("arguments", "text"), [('{"input":"a"}', "a"), ("{", "{"), ("[1]", "[1]"), ('{"x":1}', '{"x":1}')]
)
def test_the_text_of_a_custom_call(arguments: str, text: str) -> None:
    assert custom_input(arguments) == text
