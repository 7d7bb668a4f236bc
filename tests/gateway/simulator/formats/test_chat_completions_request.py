"""Parsing of request bodies of `POST /v1/chat/completions`."""

import orjson
import pytest

from gateway.simulator.errors import RequestError
from gateway.simulator.formats.chat_completions_request import parse_chat_completion


def body(**fields: object) -> bytes:
    return orjson.dumps({"model": "sim", "messages": [{"role": "user", "content": "hi"}], **fields})


def test_content_may_be_text_or_parts_or_nothing() -> None:
    parts = [{"type": "text", "text": "look"}, {"type": "image_url", "image_url": {}}, {"type": "text", "text": "here"}]
    messages = [
        {"role": "user", "content": parts},
        {"role": "assistant", "content": None},
        {"role": "user", "content": "x"},
    ]
    request = parse_chat_completion(body(messages=messages))
    assert [turn.text for turn in request.turns] == ["look here", "", "x"]


def test_unknown_fields_are_ignored() -> None:
    assert parse_chat_completion(body(temperature=0.3, user="someone")).model == "sim"


@pytest.mark.parametrize(("stop", "stops"), [(None, ()), ("a", ("a",)), (["a", "b"], ("a", "b"))])
def test_stop_may_be_one_or_several(stop: object, stops: tuple[str, ...]) -> None:
    assert parse_chat_completion(body(stop=stop)).stops == stops


def test_new_name_of_the_token_limit_takes_precedence() -> None:
    assert parse_chat_completion(body(max_tokens=5)).max_tokens == 5
    assert parse_chat_completion(body(max_tokens=5, max_completion_tokens=7)).max_tokens == 7


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "poet", "content": "x"}]}, "messages"),
        ({"model": None}, "model"),
        ({"n": 2}, "n"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"stop": ["a", "b", "c", "d", "e"]}, "stop"),
        ({"stop": ""}, "stop"),
        ({"tools": [{"type": "function"}]}, "tools"),
        ({"stream_options": {"include_usage": True}}, None),
    ],
)
def test_error_names_the_field_that_is_not_valid(fields: dict[str, object], param: str | None) -> None:
    with pytest.raises(RequestError) as refused:
        parse_chat_completion(body(**fields))
    assert (refused.value.status, refused.value.param) == (400, param)
    assert (param or "stream_options") in refused.value.message


@pytest.mark.parametrize("wrong", [b"", b"{", b"\xff", b'{"model": "\\ud800"}'])
def test_what_is_not_json_is_refused(wrong: bytes) -> None:
    with pytest.raises(RequestError, match="valid JSON") as refused:
        parse_chat_completion(wrong)
    assert refused.value.status == 400


@pytest.mark.parametrize("wrong", [b"[]", b"3", b"null"])
def test_json_that_is_not_an_object_is_refused(wrong: bytes) -> None:
    with pytest.raises(RequestError, match="Change 'body'"):
        parse_chat_completion(wrong)
