"""The `openai` package of PyPI: Chat Completions, and Responses over HTTP and WebSocket."""

from collections.abc import Callable, Iterator
from typing import Any

import openai

from tests.integration.clients.drivers.kit import (
    BASE_URL,
    CACHED_TOKENS,
    CITY,
    CITY_SCHEMA,
    INPUT_TOKENS,
    KEY,
    MODEL,
    OUTPUT_TOKENS,
    PIXEL_URL,
    TEXT,
    TOOL_TEXT,
    finish,
    hung_up,
    interrupting,
    prompt,
    raised,
    say,
    scenario,
    shown,
)

client = openai.OpenAI(base_url=f"{BASE_URL}/v1", api_key=KEY)
FUNCTION = {"name": "get_weather", "parameters": CITY_SCHEMA, "strict": True}
CHAT_TOOLS = [{"type": "function", "function": FUNCTION}]
TOOLS = [{"type": "function", **FUNCTION}]
WITH_USAGE = {"stream_options": {"include_usage": True}}


# Chat Completions


def chat(word: str, **more: Any) -> Any:
    return client.chat.completions.create(model=MODEL, messages=say(word), **more)


def chat_text(stream: Iterator[Any]) -> str:
    return "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)


def chat_message(messages: list[dict[str, Any]], **more: Any) -> Any:
    with client.chat.completions.stream(model=MODEL, messages=messages, **more) as stream:
        return stream.get_final_completion().choices[0].message


@scenario("chat/whole")
def _() -> None:
    assert chat("text").choices[0].message.content == TEXT


@scenario("chat/stream")
def _() -> None:
    chunks = list(chat("text", stream=True))
    assert chat_text(iter(chunks)) == TEXT
    assert len(chunks) > len(TEXT.split())
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert chat_message(say("text")).content == TEXT


@scenario("chat/usage")
def _() -> None:
    for usage in (chat("text").usage, list(chat("text", stream=True, **WITH_USAGE))[-1].usage):
        assert (usage.prompt_tokens, usage.completion_tokens) == (INPUT_TOKENS, OUTPUT_TOKENS), usage
        assert usage.prompt_tokens_details.cached_tokens == CACHED_TOKENS, usage


@scenario("chat/tools")
def _() -> None:
    (call,) = chat_message(say("tool"), tools=CHAT_TOOLS).tool_calls
    assert call.function.parsed_arguments == CITY
    function = {"name": call.function.name, "arguments": call.function.arguments}
    asked = {"role": "assistant", "tool_calls": [{"id": call.id, "type": "function", "function": function}]}
    result = {"role": "tool", "tool_call_id": call.id, "content": "21"}
    assert chat_message([*say("tool"), asked, result], tools=CHAT_TOOLS).content == TOOL_TEXT


@scenario("chat/reasoning")
def _() -> None:
    deltas = [chunk.choices[0].delta for chunk in chat("think", stream=True, reasoning_effort="low")]
    thoughts = "".join(getattr(delta, "reasoning_content", None) or "" for delta in deltas)
    assert thoughts == "First I compare."
    assert "".join(delta.content or "" for delta in deltas) == TEXT


@scenario("chat/image")
def _() -> None:
    content = [
        {"type": "text", "text": prompt("image")},
        {"type": "image_url", "image_url": {"url": PIXEL_URL}},
    ]
    assert chat_message([{"role": "user", "content": content}]).content == TEXT


@scenario("chat/error-before")
def _() -> None:
    error = raised(lambda: chat("error", stream=True))
    assert isinstance(error, openai.BadRequestError), error
    assert error.type == "invalid_request_error", error


@scenario("chat/busy")
def _() -> None:
    assert chat("busy").choices[0].message.content == TEXT


@scenario("chat/error-inside")
def _() -> str:
    return shown(raised(lambda: list(chat("fail", stream=True))))


@scenario("chat/cut")
def _() -> str:
    return shown(raised(lambda: list(chat("cut", stream=True))))


@scenario("chat/abort")
def _() -> str:
    with chat("slow", stream=True) as stream:
        for _ in range(5):
            next(stream)
    return hung_up()


@scenario("chat/interrupted")
def _() -> None:
    with interrupting():
        chunks = list(chat("slow", stream=True))
    assert chat_text(iter(chunks)).startswith("word0 word1 ")
    assert chunks[-1].choices[0].finish_reason == "stop"


@scenario("chat/models")
def _() -> None:
    assert MODEL in [model.id for model in client.models.list()]
    assert client.models.retrieve(MODEL).id == MODEL


# What is passed on


def passed_on(function: Callable[[], Any]) -> Any:
    """Return what a provider with OpenAI's API answers; any other has no such endpoint, and that is said."""
    if MODEL == "kit-openai":
        return function()
    error = raised(function)
    assert isinstance(error, openai.BadRequestError)
    assert error.param == "model"
    return None


@scenario("chat/embeddings")
def _() -> None:
    answer = passed_on(lambda: client.embeddings.create(model=MODEL, input=["a", "b"]))
    if answer is not None:
        assert [each.embedding for each in answer.data] == [[0.25, -0.5], [0.25, -0.5]]
        assert answer.usage.prompt_tokens == INPUT_TOKENS


@scenario("chat/moderations")
def _() -> None:
    answer = passed_on(lambda: client.moderations.create(model=MODEL, input="x"))
    assert answer is None or answer.results[0].flagged is False
    # Without a model, the provider with OpenAI's API is asked.
    assert client.moderations.create(input="x").results[0].flagged is False


# Responses


def respond(word: str, **more: Any) -> Any:
    return client.responses.create(model=MODEL, input=prompt(word), **more)


def final(**body: Any) -> Any:
    with client.responses.stream(model=MODEL, **body) as stream:
        return stream.get_final_response()


def response_text(events: list[Any]) -> str:
    return "".join(event.delta for event in events if event.type == "response.output_text.delta")


@scenario("responses/whole")
def _() -> None:
    assert respond("text").output_text == TEXT


@scenario("responses/stream")
def _() -> None:
    events = list(respond("text", stream=True))
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert response_text(events) == TEXT
    assert events[-1].type == "response.completed"
    assert final(input=prompt("text")).output_text == TEXT


@scenario("responses/usage")
def _() -> None:
    for usage in (respond("text").usage, list(respond("text", stream=True))[-1].response.usage):
        assert (usage.input_tokens, usage.output_tokens) == (INPUT_TOKENS, OUTPUT_TOKENS), usage
        assert usage.input_tokens_details.cached_tokens == CACHED_TOKENS, usage


@scenario("responses/tools")
def _() -> None:
    (call,) = [item for item in final(input=say("tool"), tools=TOOLS).output if item.type == "function_call"]
    assert call.parsed_arguments == CITY
    asked = {"type": "function_call", "call_id": call.call_id, "name": call.name, "arguments": call.arguments}
    result = {"type": "function_call_output", "call_id": call.call_id, "output": "21"}
    assert final(input=[*say("tool"), asked, result], tools=TOOLS).output_text == TOOL_TEXT


@scenario("responses/reasoning")
def _() -> None:
    response = final(input=prompt("think"), reasoning={"effort": "low", "summary": "auto"})
    (thought,) = [item for item in response.output if item.type == "reasoning"]
    assert [part.text for part in thought.summary] == ["First I compare."]
    assert response.output_text == TEXT


@scenario("responses/image")
def _() -> None:
    content = [{"type": "input_text", "text": prompt("image")}, {"type": "input_image", "image_url": PIXEL_URL}]
    assert final(input=[{"role": "user", "content": content}]).output_text == TEXT


@scenario("responses/error-before")
def _() -> None:
    error = raised(lambda: respond("error", stream=True))
    assert isinstance(error, openai.BadRequestError), error


@scenario("responses/busy")
def _() -> None:
    assert respond("busy").output_text == TEXT


@scenario("responses/error-inside")
def _() -> str:
    last = list(respond("fail", stream=True))[-1]
    assert last.type == "response.failed", last
    return f"response.failed: {last.response.error.message}"


@scenario("responses/cut")
def _() -> str:
    return shown(raised(lambda: list(respond("cut", stream=True))))


@scenario("responses/abort")
def _() -> str:
    with respond("slow", stream=True) as stream:
        for _ in range(6):
            next(stream)
    return hung_up()


@scenario("responses/interrupted")
def _() -> str:
    with interrupting():
        last = list(respond("slow", stream=True))[-1]
    assert last.response.output_text.startswith("word0 word1 ")
    return str(last.type)


@scenario("responses/resume")
def _() -> None:
    read: list[Any] = []
    with respond("text", stream=True, background=True) as stream:
        while len(read) < 7:
            read.append(next(stream))
    more = {"stream": True, "starting_after": read[-1].sequence_number}
    read += client.responses.retrieve(read[0].response.id, **more)
    assert [event.sequence_number for event in read] == list(range(len(read)))
    assert response_text(read) == TEXT


@scenario("responses/cancel")
def _() -> str:
    cancelled = None
    for event in respond("slow", stream=True, background=True):
        if event.type == "response.created":
            response_id = event.response.id
        if event.type == "response.output_text.delta" and cancelled is None:
            cancelled = client.responses.cancel(response_id)
    assert cancelled is not None
    assert cancelled.status == "cancelled"
    return f"the stream ended with {event.type}; {hung_up()}"


@scenario("responses/next-turn")
def _() -> None:
    first = respond("text")
    assert respond("text", previous_response_id=first.id).output_text == TEXT


# Responses over WebSocket


def turn(socket: Any, **body: Any) -> list[Any]:
    socket.response.create(model=MODEL, **body)
    events = []
    for event in socket:
        events.append(event)
        if event.type in {"response.completed", "response.incomplete", "response.failed", "error"}:
            break
    return events


@scenario("websocket/stream")
def _() -> None:
    with client.responses.connect() as socket:
        events = turn(socket, input=say("text"))
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert response_text(events) == TEXT


@scenario("websocket/usage")
def _() -> None:
    with client.responses.connect() as socket:
        usage = turn(socket, input=say("text"))[-1].response.usage
    assert (usage.input_tokens, usage.output_tokens) == (INPUT_TOKENS, OUTPUT_TOKENS), usage


@scenario("websocket/next-turn")
def _() -> None:
    with client.responses.connect() as socket:
        first = turn(socket, input=say("text"))[-1].response
        assert response_text(turn(socket, input=say("text"), previous_response_id=first.id)) == TEXT


finish()
