"""The schemas of requests accept exactly what the parser accepts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema_rs import Draft202012Validator
from pydantic import BaseModel

from gateway.api.openapi.document import document
from gateway.protocol.commands import FeedbackRequest, InterruptRequest, JsonObject, StartRequest, TicketRequest, parse
from gateway.protocol.errors import Refused
from tests.openapi_document import schema_of

KINDS: tuple[type[BaseModel], ...] = (StartRequest, InterruptRequest, FeedbackRequest, TicketRequest)
VALIDATORS = {kind: Draft202012Validator(schema_of(document("1"), kind.__name__)) for kind in KINDS}

NUMBERS = (0, 1, 2.0, 1.5, -100.0, 101, -101, 2**63 - 1, 2**63, 1e300, True, "1")
WORDS: tuple[object, ...] = ("", "x", "x" * 300, None, 5, ["x"], [], [{}], {})
CALLS: tuple[object, ...] = ([], [{}], {}, {"a": 1}, "x", True, None)


def accepts(kind: type[BaseModel], body: JsonObject) -> bool:
    try:
        parse(kind, body)
    except Refused:
        return False
    return True


def objects(**values: tuple[object, ...]) -> st.SearchStrategy[dict[str, object]]:
    """Return a strategy of objects with some of these fields, each with one of its values."""
    return st.fixed_dictionaries({}, optional={name: st.sampled_from(each) for name, each in values.items()})


PARTS: tuple[object, ...] = (
    *([{"type": "text", "text": ""}], [{"type": "text", "text": ""}, {"type": "text", "text": "x"}]),
    *([{"type": "text"}], [{"type": "image_url", "text": ""}], [{"type": "hologram"}], [{"type": 5}], [{"type": None}]),
    *([{"type": "text", "text": 5}], [5]),
)
GIVEN_BACK: tuple[object, ...] = (
    *([{"type": "reasoning.text", "text": "x"}], [{"type": "x", "data": None}], [{"type": "x", "data": 5}], [{}]),
    *([{"type": "thinking", "thinking": "x"}], [{"type": "thinking", "thinking": "x", "signature": 5}], [None]),
    *([{"type": "thinking", "thinking": None}], [{"type": "redacted_thinking", "data": "x"}], [{"type": "redacted"}]),
    *([{"type": "redacted_thinking", "data": "x", "signature": "x"}], None, [], {}, "x"),
)
MESSAGE = objects(
    role=("system", "user", "assistant", "tool", "robot", None),
    content=(*WORDS, *PARTS),
    tool_calls=(*CALLS, [{"signature": "x"}], [{"signature": 5}], [{"extra_content": {}}], [{"extra_content": "x"}]),
    reasoning_details=GIVEN_BACK,
    thinking_blocks=GIVEN_BACK,
    function_call=(None, {"name": "f"}),
    name=WORDS,
    other=NUMBERS,
)
OPTION_VALUES: dict[str, tuple[object, ...]] = {
    "temperature": NUMBERS,
    "max_tokens": NUMBERS,
    "max_completion_tokens": (1, 2.0, 0, None, "1"),
    "seed": NUMBERS,
    "stop": WORDS,
    "tools": WORDS,
    "tool_choice": WORDS,
    "parallel_tool_calls": NUMBERS,
    "on_disconnect": ("grace", "cancel", "never"),
}
OPTIONS = objects(**OPTION_VALUES, other=(1,))
START = st.fixed_dictionaries(
    {},
    optional={
        "messages": st.lists(MESSAGE, max_size=2),
        "prompt": st.sampled_from(WORDS),
        "model": st.sampled_from(WORDS),
        "options": OPTIONS,
        "metadata": objects(a=WORDS, b=WORDS),
        **{name: st.sampled_from(values) for name, values in OPTION_VALUES.items()},
        **{name: st.sampled_from((True, False, None, 0, 1, 1.0, 2)) for name in ("stream", "n", "logprobs", "store")},
        "stream_options": st.sampled_from(({}, {"include_usage": True}, None, True)),
        "service_tier": st.sampled_from(("auto", "flex", None)),
        "other": st.just(1),
    },
)
FEEDBACK = objects(text=WORDS, rating=(*NUMBERS, None), mode=("revise", "stop", "note", "shout", None), other=(1,))
TICKET = objects(
    scope=("start", "socket", "all", None),
    generation_id=("g_x", "", "g" * 65, None, 5),
    commands=(True, False, None, 0),
)
BODIES = st.one_of(
    st.tuples(st.just(StartRequest), START),
    st.tuples(st.just(FeedbackRequest), FEEDBACK),
    st.tuples(st.just(TicketRequest), TICKET),
    st.tuples(st.just(InterruptRequest), objects(reason=(*WORDS, "x" * 1001), other=(1,))),
)


def contradicts_itself(body: JsonObject) -> bool:
    """Return True if an option or the prompt has two values: the rules that JSON Schema has no word for."""
    messages, prompt = body.get("messages"), body.get("prompt")
    if isinstance(prompt, str) and isinstance(messages, list):
        turns = [message for message in messages if isinstance(message, dict)]
        contents = [message.get("content") for message in turns if message.get("role") == "user"]
        if not contents or prompt not in (contents[-1], text_of_parts(contents[-1])):
            return True
    options = body.get("options")
    places = [body, options] if isinstance(options, dict) else [body]
    spellings: list[tuple[str, ...]] = [(name,) for name in OPTION_VALUES if not name.startswith("max_")]
    for names in (*spellings, ("max_tokens", "max_completion_tokens")):
        given_values = [place[name] for place in places for name in names if place.get(name) is not None]
        if any(value != given_values[0] for value in given_values):
            return True
    return False


def text_of_parts(content: object) -> str | None:
    """Return the text of a user's content parts; None if there are none."""
    if not isinstance(content, list):
        return None
    return "".join(str(part["text"]) for part in content if isinstance(part, dict) and part.get("type") == "text")


@given(BODIES)
def test_the_schema_accepts_what_the_parser_accepts(asked: tuple[type[BaseModel], JsonObject]) -> None:
    kind, body = asked
    is_valid = VALIDATORS[kind].is_valid(body) and not (kind is StartRequest and contradicts_itself(body))
    assert is_valid == accepts(kind, body)


@pytest.mark.parametrize(
    ("kind", "body", "fits"),
    [
        (StartRequest, {"messages": [{"role": "user", "content": "Hi"}]}, True),
        (StartRequest, {"messages": [{"role": "assistant", "tool_calls": [{}]}]}, True),
        (StartRequest, {"messages": [{"role": "assistant", "tool_calls": []}]}, True),
        (StartRequest, {"messages": [{"role": "assistant", "content": None}]}, True),
        (StartRequest, {"messages": [{"role": "tool"}]}, True),
        (StartRequest, {"messages": [{"role": "system", "content": ""}]}, True),
        (StartRequest, {"messages": [{"role": "user", "content": ""}]}, False),
        (StartRequest, {"messages": [{"role": "user", "content": [{"type": "hologram"}]}]}, False),
        (StartRequest, {"prompt": "Hi"}, True),
        (StartRequest, {"prompt": "Hi", "messages": [{"role": "user", "content": "Hi"}]}, True),
        (StartRequest, {"prompt": None, "messages": [{"role": "user", "content": "Hi"}]}, True),
        (StartRequest, {"prompt": "Hi", "messages": None}, False),
        (StartRequest, {"prompt": None}, False),
        (StartRequest, {"prompt": ""}, False),
        (StartRequest, {"messages": [{"role": "user", "content": "Hi"}], "stream": True, "n": 1.0}, True),
        (StartRequest, {"messages": [{"role": "user", "content": "Hi"}], "stream": False}, False),
        (StartRequest, {"messages": [{"role": "user", "content": "Hi"}], "n": True}, False),
        (StartRequest, {"messages": [{"role": "user", "content": "Hi"}], "stream": 1}, False),
        (StartRequest, {"messages": [{"role": "user", "content": "Hi"}], "logprobs": 0}, False),
        (StartRequest, {"messages": [{"role": "user", "content": "Hi"}], "store": 0}, False),
        (StartRequest, {"messages": [{"role": "user", "content": "Hi"}], "max_completion_tokens": 5}, True),
        (StartRequest, {"messages": [{"role": "user", "content": "Hi"}], "max_completion_tokens": 0}, False),
        (StartRequest, {"messages": [{"role": "assistant", "tool_calls": [{"signature": 5}]}]}, False),
        (StartRequest, {"messages": [{"role": "user", "tool_calls": [{}]}]}, False),
        (StartRequest, {"messages": [{"role": "user", "content": "Hi"}], "options": {"max_tokens": 16.0}}, True),
        (StartRequest, {"messages": [{"role": "user", "content": "Hi"}], "options": {"seed": 2**64}}, False),
        (FeedbackRequest, {"rating": -30.0, "mode": "note"}, True),
        (FeedbackRequest, {"rating": 0.5, "mode": "note"}, False),
        (FeedbackRequest, {"mode": "stop"}, True),
        (FeedbackRequest, {"mode": "note"}, False),
        (FeedbackRequest, {"rating": 1}, False),
        (TicketRequest, {"scope": "start"}, True),
        (TicketRequest, {"scope": "start", "generation_id": "g_x"}, False),
        (TicketRequest, {"scope": "socket", "commands": True}, False),
        (TicketRequest, {"generation_id": "g_x", "commands": True}, True),
        (TicketRequest, {}, False),
    ],
)
def test_the_schema_and_the_parser_agree_on_examples(kind: type[BaseModel], body: JsonObject, fits: bool) -> None:
    assert (VALIDATORS[kind].is_valid(body), accepts(kind, body)) == (fits, fits)


def test_an_integral_float_is_an_integer() -> None:
    request = parse(FeedbackRequest, {"rating": -30.0, "mode": "note"})
    assert repr(request.rating) == "-30"
