"""Deltas of tool calls: which ones belong together. The transcripts have whole responses."""

import pytest

from gateway.protocol.commands import JsonObject
from gateway.protocol.events import ToolCall
from gateway.upstreams.formats.json_values import SurrogateJoiner
from gateway.upstreams.formats.openai_chat_calls import ToolCalls


def call(index: int | None, call_id: str | None = None, name: str | None = None, arguments: str = "") -> JsonObject:
    return {"index": index, "id": call_id, "function": {"name": name, "arguments": arguments}}


def read(*deltas: JsonObject) -> list[tuple[str | None, str | None, str]]:
    """Return id, name and arguments of each call."""
    calls, joined = ToolCalls(SurrogateJoiner()), list[list[str | None]]()
    events = [event for delta in deltas if (event := calls.read(delta, "r")) is not None]
    for event in (*events, *calls.close()):
        if event.index == len(joined):
            joined.append([event.id, event.name, ""])
        else:
            assert event.id is None
        joined[event.index][2] = f"{joined[event.index][2]}{event.arguments}"
    return [(call_id, name, str(arguments)) for call_id, name, arguments in joined]


@pytest.mark.parametrize(
    ("deltas", "calls"),
    [
        ([call(0, "a", "f", '{"x":'), call(0, None, None, "1}")], [("a", "f", '{"x":1}')]),
        ([call(0, "a", "f", "{}"), call(0, "b", "f", "{}")], [("a", "f", "{}"), ("b", "f", "{}")]),
        ([call(0, "a", "f", '{"x":'), call(0, "b", "g", "{}")], [("a", "f", '{"x":'), ("b", "g", "{}")]),
        ([call(0, "a", "f"), call(0, "b", "f", '{"x":1}')], [("a", "f", "{}"), ("b", "f", '{"x":1}')]),
        ([call(0, "a", "f", '{"x":'), call(0, "b", "f", "1}")], [("a", "f", '{"x":1}')]),
        ([call(0, "a", "f"), call(0, "b", None, '{"x":1}')], [("a", "f", '{"x":1}')]),
        ([call(0, "a", "f", '{"x":1}'), call(0, "", "", "")], [("a", "f", '{"x":1}')]),
        ([call(0, None, "f", '{"x":1}'), call(0, None, "f", "")], [("call_r_0", "f", '{"x":1}')]),
        (
            [call(0, None, "f", '{"x":1}'), call(0, None, "f", '{"x":2}')],
            [("call_r_0", "f", '{"x":1}'), ("call_r_1", "f", '{"x":2}')],
        ),
        (
            [call(7, "a", "f", '{"x":'), call(3, "b", "g", "{}"), call(7, None, None, "1}")],
            [("a", "f", '{"x":1}'), ("b", "g", "{}")],
        ),
        (
            [call(None, "a", "f", '{"x":'), call(None, None, None, "1}"), call(None, "b", "g")],
            [("a", "f", '{"x":1}'), ("b", "g", "{}")],
        ),
        (
            [call(None, "a", "f", '{"x":'), call(None, "b", "g", "{"), call(None, "a", None, "1}")],
            [("a", "f", '{"x":1}'), ("b", "g", "{")],
        ),
        ([call(0, "a", "f", "{}"), call(0, None, None, '{"x":1}')], [("a", "f", '{"x":1}')]),
        ([call(0), call(0, "", "", "")], []),
    ],
)
def test_deltas(deltas: list[JsonObject], calls: list[tuple[str, str, str]]) -> None:
    assert read(*deltas) == calls


@pytest.mark.parametrize(
    "fields",
    [
        {"extra_content": {"google": {"thought_signature": "S"}}},
        {"provider_specific_fields": {"thought_signature": "S"}},
        {"signature": "S"},
    ],
)
def test_a_signature(fields: JsonObject) -> None:
    event = ToolCalls(SurrogateJoiner()).read({**call(0, "a", "f"), **fields}, "r")
    assert event == ToolCall(0, "a", "f", "", "S")


def test_a_custom_tool() -> None:
    delta: JsonObject = {"index": 0, "id": "a", "type": "custom", "custom": {"name": "f", "input": "x = 1"}}
    assert ToolCalls(SurrogateJoiner()).read(delta, "r") == ToolCall(0, "a", "f", "x = 1")


def test_many_pieces_and_many_calls_take_time_in_proportion() -> None:
    """Comparing each piece with all before it, or each id with all others, would take half a minute here."""
    calls = ToolCalls(SurrogateJoiner())
    calls.read(call(0, "a", "f", '{"x":"'), "r")
    piece = call(0, None, None, "0123456789" * 10)
    for _ in range(30_000):
        assert calls.read(piece, "r") is not None
    for number in range(15_000):
        calls.read(call(None, f"id {number}", "f", "{}"), "r")
    assert len(calls) == 15_001
