"""The `litellm` package of PyPI as a client: `openai/`, `anthropic/`, and its `responses()`."""

import os
from typing import Any

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

import litellm

from tests.integration.clients.drivers.kit import (
    BASE_URL,
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

litellm.suppress_debug_info = True
WEATHER = {"name": "get_weather", "description": "Weather of a city", "parameters": CITY_SCHEMA}
TOOLS = [{"type": "function", "function": WEATHER}]


def drive(name: str, model: str, base_url: str) -> None:
    def ask(messages: list[dict[str, Any]], **more: Any) -> Any:
        once = {"num_retries": 0, "max_retries": 0}
        return litellm.completion(model=model, api_base=base_url, api_key=KEY, messages=messages, **once, **more)

    def stream(word: str, **more: Any) -> Any:
        return ask(say(word), stream=True, **more)

    def text_of(chunks: list[Any]) -> str:
        return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)

    @scenario(f"{name}/whole")
    def _() -> None:
        assert ask(say("text")).choices[0].message.content == TEXT

    @scenario(f"{name}/stream")
    def _() -> None:
        chunks = list(stream("text"))
        assert len(chunks) > 3
        assert text_of(chunks) == TEXT

    @scenario(f"{name}/usage")
    def _() -> None:
        chunks = list(stream("text", stream_options={"include_usage": True}))
        usage = [chunk.usage for chunk in chunks if getattr(chunk, "usage", None)][-1]
        assert (usage.prompt_tokens, usage.completion_tokens) == (INPUT_TOKENS, OUTPUT_TOKENS), usage

    @scenario(f"{name}/tools")
    def _() -> None:
        message = litellm.stream_chunk_builder(list(stream("tool", tools=TOOLS))).choices[0].message
        (call,) = message.tool_calls
        assert "Paris" in call.function.arguments
        result = {"role": "tool", "tool_call_id": call.id, "content": "21"}
        again = [*say("tool"), message.model_dump(exclude_none=True), result]
        assert text_of(list(ask(again, tools=TOOLS, stream=True))) == TOOL_TEXT

    @scenario(f"{name}/image")
    def _() -> None:
        image = {"type": "image_url", "image_url": {"url": PIXEL_URL}}
        messages = [{"role": "user", "content": [{"type": "text", "text": prompt("image")}, image]}]
        assert text_of(list(ask(messages, stream=True))) == TEXT

    @scenario(f"{name}/error-before")
    def _() -> None:
        assert raised(lambda: stream("error")).status_code == 400

    @scenario(f"{name}/error-inside")
    def _() -> str:
        return shown(raised(lambda: list(stream("fail"))))

    @scenario(f"{name}/cut")
    def _() -> str:
        return shown(raised(lambda: list(stream("cut"))))

    @scenario(f"{name}/abort")
    def _() -> str:
        chunks = stream("slow")
        for _ in range(5):
            next(chunks)
        inner = chunks.completion_stream
        (inner if hasattr(inner, "close") else inner.response).close()
        return hung_up()

    @scenario(f"{name}/interrupted")
    def _() -> None:
        with interrupting():
            chunks = list(stream("slow"))
        assert text_of(chunks).startswith("word0 word1 ")


drive("chat", f"openai/{MODEL}", f"{BASE_URL}/v1")
drive("messages", f"anthropic/{MODEL}", BASE_URL)


@scenario("responses/stream")
def _() -> None:
    server = {"api_base": f"{BASE_URL}/v1", "api_key": KEY}
    events = list(litellm.responses(model=f"openai/{MODEL}", input=prompt("text"), stream=True, **server))
    assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == TEXT


finish()
