"""A thousand concurrent generations: no character is lost, repeated or out of order, on either transport."""

import asyncio
import random
from dataclasses import dataclass

import aiohttp
import pytest

from gateway.client import Client, TransportName
from gateway.protocol.events import Chunk
from tests.integration.servers import gateway_process, simulator_process

GENERATIONS = 1000
RESUMED = 200
TEXTS = 20


@dataclass(frozen=True)
class Servers:
    gateway: str
    expected: dict[str, str]
    """Text of the simulator, by its settings."""


@pytest.fixture(scope="module")
def servers() -> object:
    with simulator_process() as upstream, gateway_process(upstream, DUALSTREAM_MAX_CONCURRENT="0") as gateway:
        yield Servers(gateway, asyncio.run(_load_texts(upstream)))


async def _load_texts(upstream: str) -> dict[str, str]:
    """Return the expected texts, from the simulator itself and without streaming."""
    texts = {}
    languages = ["vietnamese", "emoji", "english", "markdown"]
    async with aiohttp.ClientSession() as http:
        for seed in range(TEXTS):
            model = f"sim?seed={seed}&length={300 + 20 * seed}&speed=150&ttft=30&language={languages[seed % 4]}"
            body = {"model": f"{model}&speed=0&ttft=0", "messages": [{"role": "user", "content": "All at once"}]}
            async with http.post(f"{upstream}/chat/completions", json=body) as response:
                completion = await response.json()
            texts[model] = completion["choices"][0]["message"]["content"]
    assert len(set(texts.values())) == TEXTS
    return texts


async def _read_text(client: Client, model: str) -> str:
    answer = await client.start("All at once", model=model)
    async for _ in answer:
        pass
    assert answer.terminal is not None
    assert answer.terminal.type == "complete", answer.terminal
    return answer.text


async def _read_text_with_handover(client: Client, other: Client, model: str, generator: random.Random) -> str:
    """Disconnect after a random number of characters, and resume over the other transport; return the text."""
    answer = await client.start("All at once", model=model)
    text, leave_at = "", generator.randrange(1, 290)
    async for event in answer:
        text += event.content if isinstance(event, Chunk) else ""
        if len(text) >= leave_at:
            break
    seq, generation_id = answer.seq, answer.id
    await answer.aclose()
    rest = other.attach(generation_id, after=seq)
    async for event in rest:
        text += event.content if isinstance(event, Chunk) else ""
    assert rest.seq > seq
    return text


@pytest.mark.parametrize("transport", ["sse", "ws"])
async def test_a_thousand_concurrent_generations_are_complete(servers: Servers, transport: TransportName) -> None:
    generator = random.Random(transport)
    models = list(servers.expected)
    requested = [models[number % TEXTS] for number in range(GENERATIONS)]
    other_transport: TransportName = "ws" if transport == "sse" else "sse"
    async with (
        Client(servers.gateway, transport=transport) as client,
        Client(servers.gateway, transport=other_transport) as other,
    ):
        texts = await asyncio.gather(
            *(
                _read_text_with_handover(client, other, model, generator)
                if number < RESUMED
                else _read_text(client, model)
                for number, model in enumerate(requested)
            )
        )
    wrong = [number for number, text in enumerate(texts) if text != servers.expected[requested[number]]]
    assert not wrong
    async with aiohttp.ClientSession() as http, http.get(f"{servers.gateway}/api/stats") as response:
        stats = await response.json()
    assert (stats["running"], stats["active"], stats["error"], stats["interrupted"]) == (0, 0, 0, 0)
