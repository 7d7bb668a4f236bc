import orjson
import pytest

from gateway.simulator.bodies.generate_content import read_generate_content
from gateway.simulator.errors import RequestError
from gateway.simulator.request import Function, Request, Turn

USER = {"role": "user", "parts": [{"text": "hi"}]}
CALL = {"role": "model", "parts": [{"functionCall": {"name": "look", "args": {}}}]}


def read(*query: str, **fields: object) -> Request:
    place = {"model": "sim?speed=3"} | dict(zip(("method", "alt"), query or ("generateContent",), strict=False))
    return read_generate_content(orjson.dumps({"contents": [USER], **fields}), place)


def answered(response: object, count: int = 1) -> dict[str, object]:
    part = {"functionResponse": {"name": "look", "response": response}}
    return {"role": "user", "parts": [part] * count}


def test_model_and_method_come_from_the_path() -> None:
    assert (read().model, read().stream) == ("sim?speed=3", False)
    assert read("streamGenerateContent", "sse").stream


def test_stream_must_be_one_of_events() -> None:
    with pytest.raises(RequestError, match="alt=sse"):
        read("streamGenerateContent")


def test_names_may_be_in_camel_case_or_in_snake_case() -> None:
    told = {"parts": [{"text": "x"}]}
    camel = read(systemInstruction=told, generationConfig={"maxOutputTokens": 5, "topP": 1})
    snake = read(system_instruction=told, generation_config={"max_output_tokens": 5, "top_p": 1})
    assert camel == snake
    assert (camel.turns[0], camel.max_tokens) == (Turn("system", "x"), 5)


def test_thoughts_are_passed_over_and_parts_joined() -> None:
    parts = [{"text": "hm", "thought": True}, {"text": "a"}, {"inlineData": {}}, {"text": "b"}]
    assert read(contents=[USER, {"role": "model", "parts": parts}]).turns[1] == Turn("assistant", "a b")


@pytest.mark.parametrize(
    ("response", "text"),
    [({"result": "21 °C"}, "21 °C"), ({"output": "x"}, "x"), ({"t": 21, "unit": "°C"}, '{"t": 21, "unit": "°C"}')],
)
def test_result_is_a_turn_of_its_own(response: object, text: str) -> None:
    assert read(contents=[USER, CALL, answered(response)]).turns[1:] == (Turn("assistant"), Turn("tool", text))


def test_functions_have_a_schema_in_either_spelling() -> None:
    google = {"name": "a", "parameters": {"type": "OBJECT"}}
    plain = {"name": "b", "parametersJsonSchema": {"type": "object"}}
    assert read(tools=[{"functionDeclarations": [google, plain]}, {"googleSearch": {}}]).tools == (
        Function(name="a", parameters={"type": "OBJECT"}),
        Function(name="b", parameters={"type": "object"}),
    )


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"contents": []}, "contents"),
        ({"contents": [{"role": "assistant", "parts": [{"text": "x"}]}]}, "role"),
        ({"contents": [{"role": "user", "parts": []}]}, "parts"),
        ({"contents": [{"role": "user", "content": "x"}]}, "parts"),
        ({"contents": [USER, CALL]}, "number of function response parts"),
        ({"contents": [USER, CALL, USER]}, "number of function response parts"),
        ({"contents": [USER, CALL, answered({}, 2)]}, "number of function response parts"),
        ({"contents": [answered({})]}, "number of function response parts"),
        ({"messages": []}, "messages"),
        ({"stream": True}, "stream"),
        ({"generationConfig": {"max_tokens": 5}}, "generationConfig.max_tokens"),
        ({"generationConfig": {"maxOutputTokens": 0}}, "maxOutputTokens"),
        ({"generationConfig": {"candidateCount": 2}}, "candidateCount"),
        ({"generationConfig": {"stopSequences": ["a", "b", "c", "d", "e", "f"]}}, "stopSequences"),
        ({"tools": [{"functionDeclarations": [{"parameters": {}}]}]}, "name"),
    ],
)
def test_bad_field_is_refused_and_named(fields: dict[str, object], said: str) -> None:
    with pytest.raises(RequestError, match=said) as refused:
        read(**fields)
    assert refused.value.status == 400
