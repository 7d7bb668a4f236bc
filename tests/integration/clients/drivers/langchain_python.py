"""The `langchain-openai` package of PyPI: `ChatOpenAI` over Chat Completions and over Responses."""

from typing import Any

from langchain_core.messages import HumanMessage, ToolMessage
from langchain_openai import ChatOpenAI

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
    scenario,
    shown,
)

WEATHER = {"name": "get_weather", "description": "Weather of a city", "parameters": CITY_SCHEMA}
TOOL = {"type": "function", "function": WEATHER}


def drive(name: str, *, uses_responses: bool) -> None:
    model = ChatOpenAI(
        model=MODEL, base_url=f"{BASE_URL}/v1", api_key=KEY, use_responses_api=uses_responses, stream_usage=True
    )

    def streamed(messages: Any, model: Any = model) -> Any:
        total = None
        for chunk in model.stream(messages):
            total = chunk if total is None else total + chunk
        return total

    @scenario(f"{name}/whole")
    def _() -> None:
        assert model.invoke(prompt("text")).text == TEXT

    @scenario(f"{name}/stream")
    def _() -> None:
        assert len([chunk for chunk in model.stream(prompt("text")) if chunk.text]) > 3
        assert streamed(prompt("text")).text == TEXT

    @scenario(f"{name}/usage")
    def _() -> None:
        usage = streamed(prompt("text")).usage_metadata
        assert (usage["input_tokens"], usage["output_tokens"]) == (INPUT_TOKENS, OUTPUT_TOKENS), usage
        assert usage["input_token_details"]["cache_read"] == CACHED_TOKENS, usage

    @scenario(f"{name}/tools")
    def _() -> None:
        with_tool = model.bind_tools([TOOL])
        question = HumanMessage(prompt("tool"))
        asked = streamed([question], with_tool)
        (call,) = asked.tool_calls
        assert call["args"] == CITY
        assert streamed([question, asked, ToolMessage("21", tool_call_id=call["id"])], with_tool).text == TOOL_TEXT

    @scenario(f"{name}/image")
    def _() -> None:
        image = {"type": "image_url", "image_url": {"url": PIXEL_URL}}
        content = [{"type": "text", "text": prompt("image")}, image]
        assert streamed([HumanMessage(content)]).text == TEXT

    @scenario(f"{name}/error-before")
    def _() -> None:
        assert raised(lambda: streamed(prompt("error"))).status_code == 400

    @scenario(f"{name}/busy")
    def _() -> None:
        assert model.invoke(prompt("busy")).text == TEXT

    @scenario(f"{name}/error-inside")
    def _() -> str:
        return shown(raised(lambda: streamed(prompt("fail"))))

    @scenario(f"{name}/cut")
    def _() -> str:
        return shown(raised(lambda: streamed(prompt("cut"))))

    @scenario(f"{name}/abort")
    def _() -> str:
        stream = model.stream(prompt("slow"))
        for _ in range(5):
            next(stream)
        stream.close()
        return hung_up()

    @scenario(f"{name}/interrupted")
    def _() -> None:
        with interrupting():
            message = streamed(prompt("slow"))
        assert message.text.startswith("word0 word1 ")


drive("chat", uses_responses=False)
drive("responses", uses_responses=True)
finish()
