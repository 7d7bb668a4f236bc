"""The `pydantic-ai-slim` package of PyPI: one agent over Chat Completions, Responses and Messages."""

import base64
from typing import Any

from pydantic_ai import Agent, BinaryContent
from pydantic_ai.messages import ThinkingPart
from pydantic_ai.models.anthropic import AnthropicModel, AnthropicModelSettings
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.openai import OpenAIProvider

from tests.integration.clients.drivers.kit import (
    BASE_URL,
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
    raised_later,
    scenario,
    shown,
)

openai = OpenAIProvider(base_url=f"{BASE_URL}/v1", api_key=KEY)
MODELS = {
    "chat": OpenAIChatModel(MODEL, provider=openai),
    "responses": OpenAIResponsesModel(MODEL, provider=openai),
    "messages": AnthropicModel(MODEL, provider=AnthropicProvider(base_url=BASE_URL, api_key=KEY)),
}

THINKING = {
    "chat": None,
    "responses": None,
    # Messages has it only in answers to requests that ask for it.
    "messages": AnthropicModelSettings(max_tokens=3000, anthropic_thinking={"type": "enabled", "budget_tokens": 1024}),
}


def get_weather(city: str) -> str:
    """Return the weather of a city."""
    assert city == "Paris"
    return "21"


def drive(name: str, model: Any) -> None:
    agent = Agent(model, tools=[get_weather])

    async def streamed(content: Any, settings: Any = None) -> tuple[list[str], Any]:
        async with agent.run_stream(content, model_settings=settings) as result:
            return [piece async for piece in result.stream_text(delta=True, debounce_by=None)], result

    @scenario(f"{name}/whole")
    async def _() -> None:
        assert (await agent.run(prompt("text"))).output == TEXT

    @scenario(f"{name}/stream")
    async def _() -> None:
        pieces, _ = await streamed(prompt("text"))
        assert len(pieces) > 3
        assert "".join(pieces) == TEXT

    @scenario(f"{name}/usage")
    async def _() -> None:
        _, result = await streamed(prompt("text"))
        assert (result.usage.input_tokens, result.usage.output_tokens) == (INPUT_TOKENS, OUTPUT_TOKENS), result.usage

    @scenario(f"{name}/tools")
    async def _() -> None:
        pieces, _ = await streamed(prompt("tool"))
        assert "".join(pieces) == TOOL_TEXT

    @scenario(f"{name}/reasoning")
    async def _() -> None:
        pieces, result = await streamed(prompt("think"), THINKING[name])
        assert "".join(pieces) == TEXT
        thoughts = [part.content for part in result.response.parts if isinstance(part, ThinkingPart)]
        assert thoughts == ["First I compare."]

    @scenario(f"{name}/image")
    async def _() -> None:
        image = BinaryContent(base64.b64decode(PIXEL), media_type="image/png")
        pieces, _ = await streamed([prompt("image"), image])
        assert "".join(pieces) == TEXT

    @scenario(f"{name}/error-before")
    async def _() -> None:
        error = await raised_later(streamed(prompt("error")))
        assert error.status_code == 400, error

    @scenario(f"{name}/busy")
    async def _() -> None:
        assert (await agent.run(prompt("busy"))).output == TEXT

    @scenario(f"{name}/error-inside")
    async def _() -> str:
        return shown(await raised_later(streamed(prompt("fail"))))

    @scenario(f"{name}/cut")
    async def _() -> str:
        return shown(await raised_later(streamed(prompt("cut"))))

    @scenario(f"{name}/abort")
    async def _() -> str:
        async with agent.run_stream(prompt("slow")) as result:
            pieces = result.stream_text(delta=True, debounce_by=None)
            for _ in range(5):
                await anext(pieces)
        return hung_up()

    @scenario(f"{name}/interrupted")
    async def _() -> None:
        with interrupting():
            pieces, _ = await streamed(prompt("slow"))
        assert "".join(pieces).startswith("word0 word1 ")


for name, model in MODELS.items():
    drive(name, model)
finish()
