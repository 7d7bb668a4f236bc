"""The `openai-agents` package of PyPI: an agent with a tool, over Chat Completions, Responses and its WebSocket."""

from typing import Any

from agents import (
    Agent,
    ModelSettings,
    Runner,
    function_tool,
    set_default_openai_client,
    set_default_openai_responses_transport,
    set_tracing_disabled,
)
from agents.models.openai_chatcompletions import OpenAIChatCompletionsModel
from agents.models.openai_responses import OpenAIResponsesModel
from openai import AsyncOpenAI

from tests.integration.clients.drivers.kit import (
    BASE_URL,
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
    raised_later,
    scenario,
    shown,
)

set_tracing_disabled(True)


def get_weather(city: str) -> str:
    """Return the weather of a city."""
    assert city == "Paris"
    return "21"


def model_of(api: str) -> Any:
    client = AsyncOpenAI(base_url=f"{BASE_URL}/v1", api_key=KEY)
    if api == "chat":
        return OpenAIChatCompletionsModel(MODEL, client)
    if api == "responses":
        return OpenAIResponsesModel(MODEL, client)
    set_default_openai_client(client, use_for_tracing=False)
    set_default_openai_responses_transport("websocket")
    return MODEL


def start(api: str, content: Any) -> Any:
    settings = ModelSettings(include_usage=True)
    agent = Agent(name="kit", model=model_of(api), tools=[function_tool(get_weather)], model_settings=settings)
    return Runner.run_streamed(agent, content)


async def run(api: str, content: Any) -> Any:
    result = start(api, content)
    deltas = 0
    async for event in result.stream_events():
        deltas += event.type == "raw_response_event" and "delta" in event.data.type
    assert deltas > 3
    return result


def drive(api: str) -> None:
    @scenario(f"{api}/stream")
    async def _() -> None:
        assert (await run(api, prompt("text"))).final_output == TEXT

    @scenario(f"{api}/usage")
    async def _() -> None:
        usage = (await run(api, prompt("text"))).context_wrapper.usage
        assert (usage.input_tokens, usage.output_tokens) == (INPUT_TOKENS, OUTPUT_TOKENS), usage

    @scenario(f"{api}/tools")
    async def _() -> None:
        assert (await run(api, prompt("tool"))).final_output == TOOL_TEXT

    @scenario(f"{api}/image")
    async def _() -> None:
        content = [{"type": "input_text", "text": prompt("image")}, {"type": "input_image", "image_url": PIXEL_URL}]
        assert (await run(api, [{"role": "user", "content": content}])).final_output == TEXT

    @scenario(f"{api}/error-before")
    async def _() -> str:
        return shown(await raised_later(run(api, prompt("error"))))

    @scenario(f"{api}/error-inside")
    async def _() -> str:
        return shown(await raised_later(run(api, prompt("fail"))))

    @scenario(f"{api}/cut")
    async def _() -> str:
        return shown(await raised_later(run(api, prompt("cut"))))

    @scenario(f"{api}/abort")
    async def _() -> str:
        result = start(api, prompt("slow"))
        async for event in result.stream_events():
            if event.type == "raw_response_event" and "delta" in event.data.type:
                result.cancel(mode="immediate")
        return hung_up()

    @scenario(f"{api}/interrupted")
    async def _() -> None:
        with interrupting():
            result = await run(api, prompt("slow"))
        assert result.final_output.startswith("word0 word1 ")


for api in ("chat", "responses", "websocket"):
    drive(api)
finish()
