"""A client that does everything wrong, many times a second, does not fill the log."""

import asyncio
import secrets
from collections import Counter

import aiohttp
import orjson

from tests.integration.processes import gateway

REQUESTS = 200
"""Number of requests of each kind."""

AT_ONCE = 20

BODY = {"messages": [{"role": "user", "content": "Hello"}], "model": "sim-instant"}


async def test_a_flood_of_bad_requests_is_a_few_lines() -> None:
    settings = {"log_format": "json", "rate_limit_per_minute": 60, "rate_limit_burst": 1, "max_streams_per_client": 0}
    with gateway(**settings) as server:
        async with aiohttp.ClientSession(server.url) as http:
            limit = asyncio.Semaphore(AT_ONCE)

            async def post(path: str, body: object, **headers: str) -> None:
                async with limit, http.post(path, json=body, headers=headers) as response:
                    await response.read()

            async def shake_hands() -> None:
                headers = {"Origin": f"https://{secrets.token_hex(4)}.example"}
                async with limit, http.get("/api/ws", headers=headers) as response:
                    await response.read()

            for _ in range(REQUESTS):
                name = secrets.token_hex(8)
                await asyncio.gather(
                    post("/api/chat/stream", BODY),
                    post("/api/chat/stream", {**BODY, "model": f"{name}\n2026-01-01 forged"}),
                    post("/api/chat/stream", {**BODY, "messages": name}),
                    post("/api/chat/stream", BODY, Origin=f"https://{name}.example"),
                    post(f"/{name}", BODY),
                    shake_hands(),
                )
            await _send_garbage(server.url)
    lines = [orjson.loads(line) for line in server.output.splitlines() if line.startswith("{")]
    counts = Counter(line.get("event", line["logger"]) for line in lines)
    ended = counts.pop("generation_ended")
    # Only starts that were accepted have a line each.
    assert ended < REQUESTS / 4
    assert counts.total() < 60, counts
    assert counts["starts_refused"] >= 2
    assert counts["origin_refused"] >= 1


async def _send_garbage(url: str) -> None:
    host, port = url.removeprefix("http://").split(":")
    for number in range(REQUESTS):
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(secrets.token_bytes(200) if number % 2 else b"GET / HTTP/9.9\r\n\r\n")
        writer.close()
        await writer.wait_closed()
