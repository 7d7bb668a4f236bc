"""The `anthropic` package of PyPI: Messages."""

from typing import Any

import anthropic

from tests.integration.clients.drivers.kit import (
    BASE_URL,
    CACHED_TOKENS,
    CITY,
    CITY_SCHEMA,
    INPUT_TOKENS,
    KEY,
    MODEL,
    OUTPUT_TOKENS,
    PIXEL,
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

client = anthropic.Anthropic(base_url=BASE_URL, api_key=KEY)
TOOLS = [{"name": "get_weather", "input_schema": CITY_SCHEMA}]


def ask(word: str, **more: Any) -> dict[str, Any]:
    return {"model": MODEL, "max_tokens": 500, "messages": say(word), **more}


def final(**body: Any) -> Any:
    with client.messages.stream(**body) as stream:
        return stream.get_final_message()


@scenario("messages/whole")
def _() -> None:
    assert client.messages.create(**ask("text")).content[0].text == TEXT


@scenario("messages/stream")
def _() -> None:
    with client.messages.stream(**ask("text")) as stream:
        pieces = list(stream.text_stream)
        message = stream.get_final_message()
    assert len(pieces) > 3
    assert "".join(pieces) == message.content[0].text == TEXT
    assert message.stop_reason == "end_turn"


@scenario("messages/usage")
def _() -> None:
    for usage in (client.messages.create(**ask("text")).usage, final(**ask("text")).usage):
        assert usage.input_tokens == INPUT_TOKENS - CACHED_TOKENS, usage
        assert usage.cache_read_input_tokens == CACHED_TOKENS, usage
        assert usage.output_tokens == OUTPUT_TOKENS, usage


@scenario("messages/tools")
def _() -> None:
    message = final(**ask("tool", tools=TOOLS))
    call = message.content[-1]
    assert call.input == CITY
    assert message.stop_reason == "tool_use"
    asked = {"role": "assistant", "content": [block.model_dump(exclude_none=True) for block in message.content]}
    result = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": call.id, "content": "21"}]}
    again = ask("tool", tools=TOOLS) | {"messages": [*say("tool"), asked, result]}
    assert final(**again).content[0].text == TOOL_TEXT


@scenario("messages/reasoning")
def _() -> None:
    thinking = {"type": "enabled", "budget_tokens": 1024}
    message = final(**ask("think", max_tokens=3000, thinking=thinking))
    assert [block.type for block in message.content] == ["thinking", "text"]
    assert message.content[0].thinking == "First I compare."
    assert message.content[1].text == TEXT


@scenario("messages/image")
def _() -> None:
    source = {"type": "base64", "media_type": "image/png", "data": PIXEL}
    content = [{"type": "text", "text": prompt("image")}, {"type": "image", "source": source}]
    assert final(**ask("image") | {"messages": [{"role": "user", "content": content}]}).content[0].text == TEXT


@scenario("messages/error-before")
def _() -> None:
    error = raised(lambda: client.messages.create(**ask("error"), stream=True))
    assert isinstance(error, anthropic.BadRequestError), error
    assert isinstance(error.body, dict)
    assert error.body["error"]["type"] == "invalid_request_error"


@scenario("messages/busy")
def _() -> None:
    assert client.messages.create(**ask("busy")).content[0].text == TEXT


@scenario("messages/error-inside")
def _() -> str:
    return shown(raised(lambda: final(**ask("fail"))))


@scenario("messages/cut")
def _() -> str:
    return shown(raised(lambda: final(**ask("cut"))))


@scenario("messages/abort")
def _() -> str:
    with client.messages.stream(**ask("slow")) as stream:
        for _ in range(6):
            next(stream)
    return hung_up()


@scenario("messages/interrupted")
def _() -> None:
    with interrupting():
        message = final(**ask("slow"))
    assert message.content[0].text.startswith("word0 word1 ")
    assert message.stop_reason == "end_turn"


@scenario("messages/count-tokens")
def _() -> None:
    assert client.messages.count_tokens(model=MODEL, messages=say("text")).input_tokens > 0


@scenario("messages/models")
def _() -> None:
    assert MODEL in [model.id for model in client.models.list()]
    assert client.models.retrieve(MODEL).id == MODEL


finish()
