"""Limits of bodies and commands, and JSON that is refused."""

import pytest

from gateway.api.requests import parse_json
from gateway.protocol.commands import MAX_ID_LENGTH, AttachCommand, Command, StartCommand, StartRequest, parse
from gateway.protocol.errors import Refused

MESSAGE = {"role": "user", "content": "Hello"}


def refusal_of(kind: type[StartRequest | Command], value: object) -> tuple[str, str | None]:
    with pytest.raises(Refused) as refused:
        parse(kind, value)
    return refused.value.message, refused.value.param


@pytest.mark.parametrize(
    ("fields", "param", "problem"),
    [
        ({"messages": [MESSAGE] * 2001}, "messages", "at most 2000 items, not 2001"),
        ({"metadata": {str(number): "" for number in range(51)}}, "metadata", "has 51 entries: send at most 50"),
        ({"metadata": {"k" * 65: ""}}, f"metadata.{'k' * 65}", "the name of an entry: String should have at most 64"),
        ({"metadata": {"k": "v" * 1001}}, "metadata.k", "at most 1000 characters"),
        ({"options": {"stop": ["x"] * 17}}, "options.stop", "at most 16 items"),
        ({"options": {"stop": ["x" * 257]}}, "options.stop[0]", "at most 256 characters"),
        ({"options": {"stop": "x" * 257}}, "options.stop", "at most 256 characters"),
        ({"options": {"tools": [{}] * 257}}, "options.tools", "at most 256 items"),
        ({"options": {"tool_choice": "x" * 257}}, "options.tool_choice", "at most 256 characters"),
        ({"options": {"user": "x" * 513}}, "options.user", "at most 512 characters"),
        ({"options": {"reasoning_effort": "x" * 65}}, "options.reasoning_effort", "at most 64 characters"),
        ({"options": {"seed": 2**63}}, "options.seed", "less than or equal to 9223372036854775807"),
        ({"options": {"seed": -(2**63) - 1}}, "options.seed", "greater than or equal to -9223372036854775807"),
        ({"options": {"max_tokens": 2**31}}, "options.max_tokens", "less than 2147483648"),
    ],
)
def test_a_refusal_names_the_field_over_its_limit(fields: dict[str, object], param: str, problem: str) -> None:
    message, named = refusal_of(StartRequest, {"messages": [MESSAGE], **fields})
    assert (named, message.startswith(f"{param}: ")) == (param, True)
    assert problem in message


def test_a_body_at_all_limits_is_accepted() -> None:
    options = {
        "stop": ["x" * 256] * 16,
        "tools": [{}] * 256,
        "tool_choice": "x" * 256,
        "user": "x" * 512,
        "reasoning_effort": "x" * 64,
        "seed": 2**63 - 1,
        "max_tokens": 2**31 - 1,
    }
    metadata = {f"{number:064}": "v" * 1000 for number in range(50)}
    start = parse(StartRequest, {"messages": [MESSAGE] * 2000, "metadata": metadata, "options": options})
    assert (len(start.messages), start.metadata, start.options.seed) == (2000, metadata, 2**63 - 1)


PARTS = [{"type": "text", "text": "Hel"}, {"type": "image_url", "image_url": {}}, {"type": "text", "text": "lo"}]


def test_a_prompt_stands_for_one_message_of_the_user() -> None:
    written_out = parse(StartRequest, {"messages": [MESSAGE], "model": "m", "seed": 1})
    assert parse(StartRequest, {"prompt": "Hello", "model": "m", "seed": 1}) == written_out
    command = parse(StartCommand, {"type": "start", "prompt": "Hello", "model": "m", "seed": 1})
    assert command.as_request() == written_out


@pytest.mark.parametrize(
    "fields",
    [
        {"messages": [MESSAGE]},
        {"prompt": "Hello", "temperature": 1, "metadata": {"k": "v"}},
        {"messages": [MESSAGE], "model": "m", "seed": 1, "options": {"seed": 1, "stop": ["x"]}, "n": 1},
    ],
)
def test_a_start_command_is_the_request_of_the_same_fields(fields: dict[str, object]) -> None:
    of_command = {"type": "start", "id": 1, "idempotency_key": "k", "traceparent": "t", "tracestate": "s"}
    command, request = parse(StartCommand, {**of_command, **fields}).as_request(), parse(StartRequest, fields)
    assert (type(command), command, command.model_fields_set) == (StartRequest, request, request.model_fields_set)
    # The order of the fields counts, too: a repeated start is recognised by its JSON.
    assert command.model_dump_json() == request.model_dump_json()


@pytest.mark.parametrize(
    "messages",
    [
        [MESSAGE],
        [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}, MESSAGE],
        [MESSAGE, {"role": "assistant", "content": "Wel"}],
        [{"role": "user", "content": PARTS}],
    ],
)
def test_a_prompt_beside_messages_repeats_the_last_one_of_the_user(messages: list[object]) -> None:
    body = {"messages": messages}
    assert parse(StartRequest, {**body, "prompt": "Hello"}) == parse(StartRequest, body)
    message, param = refusal_of(StartRequest, {**body, "prompt": "Hi"})
    assert (message, param) == ("prompt: is not the text of the last user message: send one of the two", "prompt")


@pytest.mark.parametrize("prompt", ["", 5, ["Hello"]])
@pytest.mark.parametrize("others", [{}, {"messages": [MESSAGE]}])
def test_a_prompt_is_a_text_that_is_not_empty(prompt: object, others: dict[str, object]) -> None:
    message, param = refusal_of(StartRequest, {"prompt": prompt, **others})
    assert (message, param) == ("prompt: must be a text that is not empty", "prompt")


def test_a_prompt_needs_a_message_of_the_user_beside_it() -> None:
    body = {"prompt": "Hello", "messages": [{"role": "system", "content": "Hello"}]}
    assert refusal_of(StartRequest, body)[1] == "prompt"


@pytest.mark.parametrize(
    ("field", "value"),
    [("after", "x" * (MAX_ID_LENGTH + 1)), ("id", "x" * (MAX_ID_LENGTH + 1)), ("generation_id", "g" * 65)],
)
def test_identifiers_of_clients_are_limited(field: str, value: str) -> None:
    command = {"type": "attach", "generation_id": "g", field: value}
    message, named = refusal_of(AttachCommand, command)
    assert named == field
    assert "String should have at most" in message


def test_an_invalid_id_of_a_start_command_is_named() -> None:
    message, named = refusal_of(StartCommand, {"type": "start", "messages": [MESSAGE], "id": 1.5})
    assert (named, message) == ("id", "id: Input should be a valid string")


def test_an_idempotency_key_is_limited() -> None:
    command = {"type": "start", "messages": [MESSAGE], "idempotency_key": "x" * 256}
    assert refusal_of(StartCommand, command)[1] == "idempotency_key"


@pytest.mark.parametrize("field", ["", "options", "metadata"])
def test_a_refusal_repeats_only_the_start_of_a_long_name(field: str) -> None:
    unknown: dict[str, object] = {"x" * 1_000_000: 1}
    message, named = refusal_of(StartRequest, {"messages": [MESSAGE], **({field: unknown} if field else unknown)})
    assert len(message) < 1000
    assert len(named or "") < 200


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"seed": 1e400}', "is not JSON"),
        ('{"seed": NaN}', "is not JSON"),
        ('{"seed": -Infinity}', "is not JSON"),
        ('{"user": "\\ud800"}', "is not JSON"),
        ('{"user": "\\udc00\\ud800"}', "is not JSON"),
        ("1" * 5000, "is not JSON"),
        ("[" * 65 + "]" * 65, "nested more than 64"),
        ("[" + "0," * 100_001 + "0]", "more than 100000 values"),
    ],
)
def test_invalid_or_excessive_json_is_refused(text: str, problem: str) -> None:
    with pytest.raises(Refused) as refused:
        parse_json(text, "The body")
    assert problem in refused.value.message


def test_the_last_of_duplicate_names_is_checked_and_passed_on() -> None:
    text = '{"messages": [{"role": "user", "content": "a", "content": "b"}], "options": {"seed": 1, "seed": "x"}}'
    assert refusal_of(StartRequest, parse_json(text, "The body"))[1] == "options.seed"
    start = parse(StartRequest, parse_json(text.replace('"x"', "2"), "The body"))
    assert (start.messages[0].content, start.options.for_provider()) == ("b", {"seed": 2})


@pytest.mark.parametrize("number", ["18446744073709551616", "-9223372036854775809", "9223372036854775808"])
def test_integers_beyond_64_bits_are_refused(number: str) -> None:
    start = {"messages": [MESSAGE], "options": parse_json(f'{{"seed": {number}}}', "The body")}
    assert refusal_of(StartRequest, start)[1] == "options.seed"
    command = {"type": "attach", "generation_id": "g", "after": parse_json(number, "The body")}
    if number.startswith("18"):
        assert refusal_of(AttachCommand, command)[1] == "after"
