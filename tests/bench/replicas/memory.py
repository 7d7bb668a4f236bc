"""What a retained answer takes in Redis: MEMORY USAGE of its keys (redis.io/docs/latest/commands/memory-usage)."""

import asyncio
import re
import tempfile
from collections.abc import Sequence
from typing import Final

import aiohttp
from redis import Redis

from tests.bench.processes import Server, free_port, python, serving
from tests.bench.servers import GATEWAY_SETTINGS, redis_server
from tests.integration.servers import simulator_process

ANSWERS: Final = 100
TOKEN_CHARACTERS: Final = 5


def measure(tokens: int, delays: Sequence[str] = ("0.2", "1")) -> str:
    """Return the memory of one answer at 50 tokens a second, for each delay of batches."""
    return "\n".join(_measure(tokens, delay) for delay in delays)


def _measure(tokens: int, delay: str) -> str:
    with tempfile.NamedTemporaryFile("w+b") as log, simulator_process() as upstream, redis_server(log) as redis:
        store = {"DUALSTREAM_STORE": f"redis://127.0.0.1:{redis.port}", "DUALSTREAM_STORE_DELAY": delay}
        port = free_port()
        command = python("gateway", "serve", "--port", str(port), "--upstream", upstream)
        with serving(command, port, log, {**GATEWAY_SETTINGS, **store}) as gateway:
            return _of_answers(gateway, Redis(port=redis.port), tokens, delay)


def _of_answers(gateway: Server, client: Redis, tokens: int, delay: str) -> str:
    before, keys_before = client.info("memory")["used_memory_dataset"], _keys(client)
    size = asyncio.run(_stream(gateway.port, tokens))
    used = client.info("memory")["used_memory_dataset"] - before
    sizes: dict[str, list[int]] = {}
    for key in _keys(client) - keys_before:
        sizes.setdefault(re.sub(r"\{.*?\}", "{id}", key), []).append(client.memory_usage(key, samples=0) or 0)
    listed = ", ".join(f"{kind} {len(of)} x {sum(of) / len(of):.0f} bytes" for kind, of in sorted(sizes.items()))
    return (
        f"{ANSWERS} answers of {tokens} tokens ({size} bytes of text), batches of {delay} s: "
        f"{used / ANSWERS:.0f} bytes each by used_memory_dataset; MEMORY USAGE: {listed}"
    )


def _keys(client: Redis) -> set[str]:
    return {key.decode() if isinstance(key, bytes) else key for key in client.scan_iter(count=1000)}


async def _stream(port: int, tokens: int) -> int:
    """Stream answers, none of which has a viewer elsewhere; return the bytes of the text of the last one."""
    size = tokens * TOKEN_CHARACTERS
    model = f"sim?ttft=100&speed={50 * TOKEN_CHARACTERS}&length={size}&chunk={TOKEN_CHARACTERS}"
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as http:

        async def read(number: int) -> int:
            body = {"model": model, "messages": [{"role": "user", "content": f"Question {number}"}]}
            async with http.post("/api/chat/stream", json=body) as response:
                await response.read()
            async with http.get(f"/api/generations/{response.headers['X-Generation-ID']}") as response:
                return len((await response.json())["text"].encode())

        sizes = await asyncio.gather(*map(read, range(ANSWERS)))
    # The last batch is written.
    await asyncio.sleep(1)
    return sizes[-1]
