"""Requests of the Gemini API as starts of ours."""

import pytest

from gateway.dialects.base import Call, DialectStart
from gateway.dialects.gemini.request import parse_call
from gateway.protocol.commands import JsonObject
from gateway.protocol.errors import Refused

STREAM = "/v1beta/models/{model:model}:streamGenerateContent"
WHOLE = "/v1beta/models/{model:model}:generateContent"
QUESTION: JsonObject = {"contents": [{"role": "user", "parts": [{"text": "Why?"}]}]}


def parsed(body: JsonObject, route: str = WHOLE, **query: str) -> DialectStart:
    return parse_call(Call(body, {"model": "m/x"}, query, {}, route))


def test_the_method_decides_whether_the_response_is_streamed() -> None:
    assert not parsed(QUESTION).stream
    assert parsed(QUESTION, STREAM, alt="sse").stream
    assert parsed(QUESTION).request.model == "m/x"


def test_a_provider_of_this_api_gets_the_body_as_it_came() -> None:
    body: JsonObject = {**QUESTION, "safetySettings": [{"category": "X"}], "tools": [{"googleSearch": {}}], "new": 1}
    verbatim = parsed(body).verbatim
    assert verbatim is not None
    assert (verbatim.api, verbatim.body, verbatim.headers) == ("gemini", body, {})


@pytest.mark.parametrize("name", ["systemInstruction", "system_instruction"])
def test_both_spellings_of_names_are_read(name: str) -> None:
    body: JsonObject = {
        **QUESTION,
        name: {"parts": [{"text": "Be brief."}]},
        "generation_config": {"max_output_tokens": 5, "topP": 0.5, "stop_sequences": ["x"]},
    }
    request = parsed(body).request
    assert [(message.role, message.content) for message in request.messages] == [
        ("system", "Be brief."),
        ("user", "Why?"),
    ]
    assert request.options.for_provider() == {"max_tokens": 5, "top_p": 0.5, "stop": ["x"]}


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"tools": [{"googleSearch": {}}]}, "tools[0].googleSearch"),
        ({"cachedContent": "cachedContents/x"}, "cachedContent"),
        ({"generationConfig": {"speechConfig": {"x": 1}}}, "generationConfig.speechConfig"),
        ({"generationConfig": {"responseModalities": ["IMAGE"]}}, "generationConfig.responseModalities"),
        (
            {"contents": [{"parts": [{"text": "x"}, {"fileData": {"fileUri": "gs://x"}}]}]},
            "contents[0].parts[1].fileData",
        ),
        ({"contents": [{"parts": [{"text": "x"}, {"newThing": {"x": 1}}]}]}, "contents[0].parts[1].newThing"),
    ],
)
def test_what_has_no_counterpart_is_refused_by_name_at_another_provider(fields: JsonObject, name: str) -> None:
    verbatim = parsed({**QUESTION, **fields}).verbatim
    assert verbatim is not None
    assert verbatim.only.startswith(f"{name}: ")


@pytest.mark.parametrize(
    "fields",
    [
        {"safetySettings": [{"category": "X", "threshold": "BLOCK_NONE"}]},
        {"labels": {"team": "x"}},
        {"generationConfig": {"topK": 64, "candidateCount": 1, "responseModalities": ["TEXT"]}},
    ],
)
def test_what_does_not_change_the_answer_is_left_out(fields: JsonObject) -> None:
    verbatim = parsed({**QUESTION, **fields}).verbatim
    assert verbatim is not None
    assert not verbatim.only


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "contents"),
        ({"contents": []}, "contents"),
        ({"contents": ["x"]}, "contents[0]"),
        ({"contents": [{"role": "assistant", "parts": [{"text": "x"}]}]}, "contents[0].role"),
        ({"contents": [{"parts": [{"text": 1}]}]}, "contents[0].parts[0].text"),
        ({"contents": [{"role": "model", "parts": [{"functionCall": {}}]}]}, "contents[0].parts[0].functionCall.name"),
        ({**QUESTION, "generationConfig": {"candidateCount": 2}}, "generationConfig.candidateCount"),
        ({**QUESTION, "generationConfig": {"candidateCount": []}}, "generationConfig.candidateCount"),
        ({**QUESTION, "labels": {"a": 1}}, "labels.a"),
        ({**QUESTION, "tools": [{"functionDeclarations": [{}]}]}, "tools[0].functionDeclarations[0].name"),
        ({**QUESTION, "generationConfig": {"temperature": 3}}, "generationConfig.temperature"),
        ({**QUESTION, "generationConfig": {"maxOutputTokens": 0}}, "generationConfig.maxOutputTokens"),
    ],
)
def test_what_is_not_valid_is_refused_with_the_name_of_its_field(body: JsonObject, param: str) -> None:
    with pytest.raises(Refused) as refusal:
        parsed(body)
    assert refusal.value.param == param
    assert refusal.value.message.startswith(param)


@pytest.mark.parametrize(
    ("route", "query"),
    [(STREAM, {"alt": "proto"}), (WHOLE, {"alt": "sse"}), (WHOLE, {"fields": "candidates"})],
)
def test_another_form_of_the_response_is_refused(route: str, query: dict[str, str]) -> None:
    with pytest.raises(Refused):
        parsed(QUESTION, route, **query)


def test_labels_are_metadata_of_the_generation() -> None:
    assert parsed({**QUESTION, "labels": {"team": "x"}}).request.metadata == {"team": "x"}


def test_without_another_form_a_streamed_response_is_an_array() -> None:
    assert parsed(QUESTION, STREAM).framing == "json_array"
    assert parsed(QUESTION, STREAM, alt="json").framing == "json_array"
    assert parsed(QUESTION, STREAM, alt="sse").framing == "event_stream"
    assert parsed(QUESTION, WHOLE, alt="json").framing == "event_stream"
