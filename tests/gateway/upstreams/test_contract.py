"""What every wire format must do: one suite over all of them, against the simulator on real sockets.

`docs/reference/providers.md` shows the matrix; a test compares it.
"""

import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest
from pydantic import SecretStr

from gateway.protocol.commands import JsonObject, Message
from gateway.protocol.errors import Code, Failed
from gateway.protocol.events import Chunk, Reasoning, ToolCall, Usage
from gateway.simulator import Simulator
from gateway.upstreams.base import Finished, UpstreamEvent, UpstreamRequest
from gateway.upstreams.formats.anthropic import AnthropicFormat
from gateway.upstreams.formats.base import WireFormat
from gateway.upstreams.formats.gemini import GeminiFormat
from gateway.upstreams.formats.openai_chat import OpenAIChatFormat
from gateway.upstreams.formats.openai_responses import OpenAIResponsesFormat
from gateway.upstreams.http import HttpUpstream
from tests.gateway.upstreams.replay import split_batches

KEY = SecretStr("sk-of-the-contract")
CITY_AND_DAYS = {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}}
LOOK = {"name": "look", "description": "Look at the weather.", "parameters": CITY_AND_DAYS}
TOOLS = [{"type": "function", "function": LOOK}]
PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5Er"
    "kJggg=="
)
QUESTION: list[JsonObject] = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why stream?"}]
PROVIDERS: dict[str, tuple[Callable[[], WireFormat], str]] = {
    "openai": (OpenAIChatFormat, "/v1"),
    "openai-responses": (OpenAIResponsesFormat, "/v1"),
    "anthropic": (AnthropicFormat, "/v1"),
    "gemini": (GeminiFormat, "/v1beta"),
}
"""Wire format and path in the simulator, by `upstream_api`."""


@dataclass
class Received:
    """Content of a response, independent of its wire format."""

    text: str = ""
    reasoning: str = ""
    calls: dict[int, list[str]] = field(default_factory=dict)
    usage: Usage | None = None
    finish: str | None = None
    failure: Failed | None = None

    def add_all(self, events: Sequence[UpstreamEvent]) -> None:
        for event in split_batches(events):
            self.add(event)

    def add(self, event: UpstreamEvent) -> None:
        if isinstance(event, Chunk):
            self.text += event.content
        elif isinstance(event, Reasoning):
            self.reasoning += event.content
        elif isinstance(event, ToolCall):
            name_and_arguments = self.calls.setdefault(event.index, ["", ""])
            name_and_arguments[0] += event.name or ""
            name_and_arguments[1] += event.arguments
        elif isinstance(event, Usage):
            self.usage = event
        elif isinstance(event, Finished):
            self.finish = event.reason


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    simulator = Simulator()
    await simulator.start()
    yield simulator
    await simulator.stop()


@pytest.fixture(params=list(PROVIDERS))
async def upstream(request: pytest.FixtureRequest, simulator: Simulator) -> AsyncIterator[HttpUpstream]:
    wire_format, path = PROVIDERS[request.param]
    upstream = HttpUpstream(request.param, simulator.origin + path, wire_format(), KEY)
    yield upstream
    await upstream.close()


async def ask(
    upstream: HttpUpstream, settings: str = "", messages: list[JsonObject] | None = None, **options: object
) -> Received:
    received = Received()
    sent = [Message.model_validate(message) for message in messages or QUESTION]
    try:
        response = await upstream.open(UpstreamRequest(f"sim-instant?{settings}", sent, options))  # type: ignore[arg-type]
        try:
            await response.stream(received.add_all)
        finally:
            await response.close()
    except Failed as failure:
        received.failure = failure
    return received


CASES: dict[str, str] = {}
"""Titles of the matrix, by the test of each."""


def case(title: str) -> Callable[[Callable[..., object]], Callable[..., object]]:
    def note(test: Callable[..., object]) -> Callable[..., object]:
        CASES[test.__name__] = title
        return test

    return note


@case("text: English, Vietnamese, code, Markdown, emoji")
@pytest.mark.parametrize("language", ["english", "vietnamese", "code", "markdown", "emoji"])
async def test_text(upstream: HttpUpstream, simulator: Simulator, language: str) -> None:
    received = await ask(upstream, f"length=200&language={language}")
    assert received.failure is None
    plain = HttpUpstream("openai", f"{simulator.origin}/v1", OpenAIChatFormat(), KEY)
    assert received.text == (await ask(plain, f"length=200&language={language}")).text != ""
    await plain.close()
    assert received.finish == "stop"


@case("reasoning separate from text")
async def test_reasoning(upstream: HttpUpstream) -> None:
    received = await ask(upstream, "length=60&reasoning=40")
    assert len(received.reasoning) >= 40
    assert received.text
    assert received.reasoning not in received.text


@case("parallel tool calls, arguments in pieces")
async def test_parallel_tool_calls(upstream: HttpUpstream) -> None:
    received = await ask(upstream, "length=20&tool_calls=2", tools=TOOLS)
    assert received.finish == "tool_calls"
    assert sorted(received.calls) == [0, 1]
    for name, arguments in received.calls.values():
        assert name == "look"
        assert isinstance(json.loads(arguments), dict)


@case("a tool result sent back")
async def test_a_tool_result_is_sent_back(upstream: HttpUpstream) -> None:
    called = {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": '{"city":"Huế"}'}}
    history: list[JsonObject] = [
        {"role": "user", "content": "Is it warm?"},
        {"role": "assistant", "content": None, "tool_calls": [called]},  # type: ignore[list-item]
        {"role": "tool", "tool_call_id": "call_1", "content": "31 degrees"},
    ]
    received = await ask(upstream, "length=60", history, tools=TOOLS)
    assert received.failure is None
    assert received.text
    assert received.finish == "stop"


@case("an image")
async def test_an_image_is_sent(upstream: HttpUpstream) -> None:
    events: JsonObject = {
        "role": "user",
        "content": [{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": PIXEL}}],
    }
    received = await ask(upstream, "length=40", [events])
    assert received.failure is None
    assert received.text


@case("usage: input, output, cached, reasoning")
async def test_usage(upstream: HttpUpstream) -> None:
    usage = (await ask(upstream, "length=80&reasoning=40&cached=0.5")).usage
    assert usage is not None
    assert usage.source == "exact"
    assert usage.input_tokens
    assert usage.cached_input_tokens
    assert usage.cached_input_tokens < usage.input_tokens
    assert usage.output_tokens
    assert usage.reasoning_tokens
    assert usage.reasoning_tokens < usage.output_tokens


@case("the token limit as `length`")
async def test_the_token_limit_is_a_finish_reason(upstream: HttpUpstream) -> None:
    received = await ask(upstream, "length=2000", max_tokens=20)
    assert received.failure is None
    assert received.finish == "length"


@case("an error in the stream, by its code")
async def test_an_error_inside_the_stream(upstream: HttpUpstream) -> None:
    received = await ask(upstream, "length=200&fault=error&after=20")
    assert received.failure is not None
    assert received.failure.code is Code.SERVER_ERROR
    assert received.text


@case("HTTP errors by their codes, with the requested wait, without the key")
@pytest.mark.parametrize(
    ("fault", "code"), [("429", Code.RATE_LIMIT), ("500", Code.SERVER_ERROR), ("401", Code.PROVIDER_AUTH)]
)
async def test_refusals(upstream: HttpUpstream, fault: str, code: Code) -> None:
    failure = (await ask(upstream, f"fault={fault}" + ("&retry_after=3" if fault == "429" else ""))).failure
    assert failure is not None
    assert failure.code is code
    assert failure.retry_after_ms == (3000 if fault == "429" else None)
    assert KEY.get_secret_value() not in failure.message


@case("a dropped or truncated stream as `truncated`")
@pytest.mark.parametrize("fault", ["drop", "truncate"])
async def test_a_truncated_stream(upstream: HttpUpstream, fault: str) -> None:
    received = await ask(upstream, f"length=200&fault={fault}&after=20")
    assert received.failure is not None
    assert received.failure.code is Code.TRUNCATED
    assert received.text


@case("garbage as `upstream_protocol`, earlier events kept")
async def test_garbage_in_the_stream(upstream: HttpUpstream) -> None:
    received = await ask(upstream, "length=200&fault=garbage&after=20")
    assert received.failure is not None
    assert received.failure.code is Code.UPSTREAM_PROTOCOL
    assert received.text


@case("a stop closes the provider's socket in mid-stream")
async def test_a_stop_closes_the_connection(upstream: HttpUpstream, simulator: Simulator) -> None:
    messages = [Message.model_validate(message) for message in QUESTION]
    response = await upstream.open(UpstreamRequest("sim?length=5000&speed=500&ttft=0", messages, {}))
    await response.stream(lambda _events: response.stop())
    await response.close()
    async with aiohttp.ClientSession() as http:
        while True:
            async with http.get(f"{simulator.origin}/closes") as ledger:
                closes = await ledger.json()
            if closes:
                break
    assert len(closes) == 1


@case("an unsupported option is refused, not dropped")
async def test_an_unsupported_option_is_refused(upstream: HttpUpstream) -> None:
    failure = (await ask(upstream, logit_bias={"50256": -100})).failure
    if upstream.name == "openai":
        # Requests have this format already: nothing in it is unsupported.
        assert failure is None
        return
    assert failure is not None
    assert failure.code is Code.INVALID_REQUEST
    assert "logit_bias" in failure.message
    assert not failure.retryable


def matrix() -> str:
    """Return the table of cases and providers for the documentation."""
    lines = [f"| case | {' | '.join(PROVIDERS)} |", f"|---|{'---|' * len(PROVIDERS)}"]
    for test, title in CASES.items():
        results = ["-" if name == "openai" and test.endswith("is_refused") else "yes" for name in PROVIDERS]
        lines.append(f"| {title} | {' | '.join(results)} |")
    return "\n".join(lines)


def test_the_documentation_shows_the_matrix() -> None:
    assert matrix() in Path("docs/reference/providers.md").read_text("utf-8")
