"""Pieces of function calls."""

from gateway.dialects.gemini.calls import Calls
from gateway.protocol.events import ToolCall


def test_a_call_is_complete_when_its_arguments_are() -> None:
    calls = Calls()
    calls.add(ToolCall(0, "c", "look", '{"city":'))
    calls.add(ToolCall(1, None, "ask", ""))
    assert calls
    # An interrupt may come now: what has no arguments yet must not look complete.
    assert calls.complete() == []
    calls.add(ToolCall(1, None, None, "{}"))
    assert calls.complete() == [{"functionCall": {"name": "ask", "args": {}}}]
    calls.add(ToolCall(0, None, None, '"Huế"}', "S"))
    assert calls.complete() == [
        {"functionCall": {"id": "c", "name": "look", "args": {"city": "Huế"}}, "thoughtSignature": "S"}
    ]
    assert not calls


def test_arguments_that_are_no_object_are_not_complete() -> None:
    calls = Calls()
    calls.add(ToolCall(0, "c", "look", "5"))
    assert calls.complete() == []
