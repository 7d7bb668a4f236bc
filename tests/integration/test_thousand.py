"""A thousand generations at once: not one character lost, doubled or out of order, on either transport."""

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
    """For each model setting, the text that the simulator makes of it."""


@pytest.fixture(scope="module")
def servers() -> object:
    with simulator_process() as upstream, gateway_process(upstream, DUALSTREAM_MAX_CONCURRENT="0") as gateway:
        yield Servers(gateway, asyncio.run(_texts(upstream)))


async def _texts(upstream: str) -> dict[str, str]:
    """Ask the simulator itself, not streamed, for the texts that will have to arrive."""
    texts = {}
    languages = ["vietnamese", "emoji", "english", "markdown"]
    async with aiohttp.ClientSession() as http:
        for seed in range(TEXTS):
            model = f"sim?seed={seed}&length={300 + 20 * seed}&speed=150&ttft=30&language={languages[seed % 4]}"
            body = {"model": f"{model}&speed=0&ttft=0", "messages": [{"role": "user", "content": "All at once"}]}
            async with http.post(f"{upstream}/chat/completions", json=body) as response:
                answer = await response.json()
            texts[model] = answer["choices"][0]["message"]["content"]
    assert len(set(texts.values())) == TEXTS
    return texts


async def _whole(client: Client, model: str) -> str:
    answer = await client.start("All at once", model=model)
    async for _ in answer:
        pass
    assert answer.terminal is not None
    assert answer.terminal.type == "complete", answer.terminal
    return answer.text


async def _resumed_elsewhere(client: Client, other: Client, model: str, chance: random.Random) -> str:
    """Leave at a random place and go on from there over the other transport."""
    answer = await client.start("All at once", model=model)
    text, leave_at = "", chance.randrange(1, 290)
    async for event in answer:
        text += event.content if isinstance(event, Chunk) else ""
        if len(text) >= leave_at:
            break
    seq, identity = answer.seq, answer.id
    await answer.aclose()
    rest = other.attach(identity, after=seq)
    async for event in rest:
        text += event.content if isinstance(event, Chunk) else ""
    assert rest.seq > seq
    return text


@pytest.mark.parametrize("transport", ["sse", "ws"])
async def test_a_thousand_at_once(servers: Servers, transport: TransportName) -> None:
    chance = random.Random(transport)
    models = list(servers.expected)
    wanted = [models[number % TEXTS] for number in range(GENERATIONS)]
    crossing: TransportName = "ws" if transport == "sse" else "sse"
    async with (
        Client(servers.gateway, transport=transport) as client,
        Client(servers.gateway, transport=crossing) as other,
    ):
        got = await asyncio.gather(
            *(
                _resumed_elsewhere(client, other, model, chance) if number < RESUMED else _whole(client, model)
                for number, model in enumerate(wanted)
            )
        )
    wrong = [number for number, text in enumerate(got) if text != servers.expected[wanted[number]]]
    assert not wrong
    async with aiohttp.ClientSession() as http, http.get(f"{servers.gateway}/api/stats") as response:
        stats = await response.json()
    assert (stats["running"], stats["active"], stats["error"], stats["interrupted"]) == (0, 0, 0, 0)
