"""The `google-genai` package of PyPI: generateContent, at `/v1beta` and at `/v1`."""

import base64
from typing import Any

from google import genai
from google.genai import types

from tests.integration.clients.drivers.kit import (
    BASE_URL,
    CACHED_TOKENS,
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
    scenario,
    shown,
)


def drive(version: str) -> None:
    # Kept in a variable: a client that is collected closes its connections.
    client = genai.Client(api_key=KEY, http_options={"base_url": BASE_URL, "api_version": version})
    models = client.models

    def whole(word: str, **more: Any) -> Any:
        return models.generate_content(model=MODEL, contents=prompt(word), **more)

    def stream(word: str, **more: Any) -> Any:
        return models.generate_content_stream(model=MODEL, contents=prompt(word), **more)

    def text_of(pieces: list[Any]) -> str:
        return "".join(piece.text or "" for piece in pieces)

    @scenario(f"{version}/whole")
    def _() -> None:
        assert whole("text").text == TEXT

    @scenario(f"{version}/stream")
    def _() -> None:
        pieces = list(stream("text"))
        assert len(pieces) > 3
        assert text_of(pieces) == TEXT
        assert pieces[-1].candidates[0].finish_reason == "STOP"

    @scenario(f"{version}/usage")
    def _() -> None:
        for usage in (whole("text").usage_metadata, list(stream("text"))[-1].usage_metadata):
            assert (usage.prompt_token_count, usage.candidates_token_count) == (INPUT_TOKENS, OUTPUT_TOKENS)
            assert usage.cached_content_token_count == CACHED_TOKENS, usage

    @scenario(f"{version}/tools")
    def _() -> None:
        asked = []

        def get_weather(city: str) -> str:
            """Return the weather of a city."""
            asked.append(city)
            return "21"

        answer = whole("tool", config=types.GenerateContentConfig(tools=[get_weather]))
        assert asked == ["Paris"]
        assert answer.text == TOOL_TEXT

    @scenario(f"{version}/reasoning")
    def _() -> None:
        thinking = types.ThinkingConfig(include_thoughts=True, thinking_budget=1024)
        pieces = list(stream("think", config=types.GenerateContentConfig(thinking_config=thinking)))
        parts = [part for piece in pieces for part in piece.candidates[0].content.parts or []]
        assert "".join(part.text or "" for part in parts if part.thought) == "First I compare."
        assert "".join(part.text or "" for part in parts if not part.thought) == TEXT

    @scenario(f"{version}/image")
    def _() -> None:
        image = types.Part.from_bytes(data=base64.b64decode(PIXEL), mime_type="image/png")
        assert models.generate_content(model=MODEL, contents=[prompt("image"), image]).text == TEXT

    @scenario(f"{version}/error-before")
    def _() -> None:
        error = raised(lambda: list(stream("error")))
        assert (error.code, error.status) == (400, "INVALID_ARGUMENT"), error

    @scenario(f"{version}/busy")
    def _() -> None:
        assert whole("busy").text == TEXT

    @scenario(f"{version}/error-inside")
    def _() -> str:
        return shown(raised(lambda: list(stream("fail"))))

    @scenario(f"{version}/cut")
    def _() -> str:
        return shown(raised(lambda: list(stream("cut"))))

    @scenario(f"{version}/abort")
    def _() -> str:
        pieces = stream("slow")
        for _ in range(5):
            next(pieces)
        pieces.close()
        return hung_up()

    @scenario(f"{version}/interrupted")
    def _() -> None:
        with interrupting():
            pieces = list(stream("slow"))
        assert text_of(pieces).startswith("word0 word1 ")
        assert pieces[-1].candidates[0].finish_reason == "STOP"

    @scenario(f"{version}/count-tokens")
    def _() -> None:
        assert models.count_tokens(model=MODEL, contents=prompt("text")).total_tokens > 0

    @scenario(f"{version}/models")
    def _() -> None:
        assert models.get(model=MODEL).name == f"models/{MODEL}"


for version in ("v1beta", "v1"):
    drive(version)
finish()
