"""Parsing of request bodies of `generateContent`."""

import orjson
import pytest

from gateway.simulator.errors import RequestError
from gateway.simulator.formats.generate_content_request import parse_generate_content
from gateway.simulator.request import Function, Request, Turn

USER = {"role": "user", "parts": [{"text": "hi"}]}
CALL = {"role": "model", "parts": [{"functionCall": {"name": "look", "args": {}}}]}


def parse(*query: str, **fields: object) -> Request:
    parameters = {"model": "sim?speed=3"} | dict(zip(("method", "alt"), query or ("generateContent",), strict=False))
    return parse_generate_content(orjson.dumps({"contents": [USER], **fields}), parameters)


def result(response: object, count: int = 1) -> dict[str, object]:
    part = {"functionResponse": {"name": "look", "response": response}}
    return {"role": "user", "parts": [part] * count}


def test_model_and_method_come_from_the_path() -> None:
    assert (parse().model, parse().stream) == ("sim?speed=3", False)
    assert parse("streamGenerateContent", "sse").stream


def test_stream_must_be_an_event_stream() -> None:
    with pytest.raises(RequestError, match="alt=sse"):
        parse("streamGenerateContent")


def test_names_may_be_in_camel_case_or_in_snake_case() -> None:
    instruction = {"parts": [{"text": "x"}]}
    camel = parse(systemInstruction=instruction, generationConfig={"maxOutputTokens": 5, "topP": 1})
    snake = parse(system_instruction=instruction, generation_config={"max_output_tokens": 5, "top_p": 1})
    assert camel == snake
    assert (camel.turns[0], camel.max_tokens) == (Turn("system", "x"), 5)


def test_thoughts_are_ignored_and_parts_joined() -> None:
    parts = [{"text": "hm", "thought": True}, {"text": "a"}, {"inlineData": {}}, {"text": "b"}]
    assert parse(contents=[USER, {"role": "model", "parts": parts}]).turns[1] == Turn("assistant", "a b")


@pytest.mark.parametrize(
    ("response", "text"),
    [({"result": "21 °C"}, "21 °C"), ({"output": "x"}, "x"), ({"t": 21, "unit": "°C"}, '{"t": 21, "unit": "°C"}')],
)
def test_result_is_a_turn_of_its_own(response: object, text: str) -> None:
    assert parse(contents=[USER, CALL, result(response)]).turns[1:] == (Turn("assistant"), Turn("tool", text))


def test_functions_have_either_kind_of_schema() -> None:
    google = {"name": "a", "parameters": {"type": "OBJECT"}}
    plain = {"name": "b", "parametersJsonSchema": {"type": "object"}}
    assert parse(tools=[{"functionDeclarations": [google, plain]}, {"googleSearch": {}}]).tools == (
        Function(name="a", parameters={"type": "OBJECT"}),
        Function(name="b", parameters={"type": "object"}),
    )


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"contents": []}, "contents"),
        ({"contents": [{"role": "assistant", "parts": [{"text": "x"}]}]}, "role"),
        ({"contents": [{"role": "user", "parts": []}]}, "parts"),
        ({"contents": [{"role": "user", "content": "x"}]}, "parts"),
        ({"contents": [USER, CALL]}, "number of function response parts"),
        ({"contents": [USER, CALL, USER]}, "number of function response parts"),
        ({"contents": [USER, CALL, result({}, 2)]}, "number of function response parts"),
        ({"contents": [result({})]}, "number of function response parts"),
        ({"messages": []}, "messages"),
        ({"stream": True}, "stream"),
        ({"generationConfig": {"max_tokens": 5}}, "generationConfig.max_tokens"),
        ({"generationConfig": {"maxOutputTokens": 0}}, "maxOutputTokens"),
        ({"generationConfig": {"candidateCount": 2}}, "candidateCount"),
        ({"generationConfig": {"stopSequences": ["a", "b", "c", "d", "e", "f"]}}, "stopSequences"),
        ({"tools": [{"functionDeclarations": [{"parameters": {}}]}]}, "name"),
    ],
)
def test_error_names_the_field_that_is_not_valid(fields: dict[str, object], message: str) -> None:
    with pytest.raises(RequestError, match=message) as refused:
        parse(**fields)
    assert refused.value.status == 400
