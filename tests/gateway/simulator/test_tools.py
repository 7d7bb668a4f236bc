"""Made-up tool calls: names, and arguments that match the schema."""

from pydantic import JsonValue

from gateway.simulator.request import Function, Request, Turn
from gateway.simulator.script import compose
from gateway.simulator.settings import SimulatorSettings

QUESTION = Turn("user", "Why do streams stall?")


def test_types_may_be_in_capitals() -> None:
    parameters: dict[str, JsonValue] = {"type": "OBJECT", "properties": {"days": {"type": "INTEGER"}}}
    request = Request(model="sim", turns=(QUESTION,), tools=(Function(name="look", parameters=parameters),))
    (call,) = compose(request, SimulatorSettings(tool_calls=1)).tool_calls
    assert int(call.arguments.removeprefix('{"days": ').removesuffix("}"))


def test_tool_calls_use_the_tools_of_the_request_in_turn() -> None:
    parameters: dict[str, JsonValue] = {
        "properties": {
            "city": {"type": "string"},
            "days": {"type": "integer"},
            "unit": {"enum": ["C", "F"]},
            "tags": {"type": "array", "items": {"type": "boolean"}},
        }
    }
    tools = tuple(Function(name=name, parameters=parameters) for name in ("one", "two"))
    request = Request(model="sim", turns=(QUESTION,), tools=tools)
    script = compose(request, SimulatorSettings(tool_calls=3))
    assert [call.name for call in script.tool_calls] == ["one", "two", "one"]
    assert len({call.id for call in script.tool_calls}) == 3
    assert (script.finish_reason, script.text) == ("tool_calls", "")
    for call in script.tool_calls:
        assert call.arguments.startswith('{"city": "')
        assert '"unit": "C"' in call.arguments
