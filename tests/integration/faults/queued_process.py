"""Queued clients in a process of its own, which a scenario kills: the system closes all their connections at once.

`python -m tests.integration.faults.queued_process ADDRESS COUNT` starts COUNT answers over SSE, then prints a line.
"""

import asyncio
import sys

import aiohttp

from tests.integration.faults.servers import PROMPT

TOGETHER = 100
"""Starts under way at the same time: fewer than the gateway's backlog."""


async def main(address: str, count: int) -> None:
    """Start the answers and read the first bytes of each; then wait to be killed."""
    body = {"model": "sim?ttft=0&speed=85&length=100000", "messages": [{"role": "user", "content": PROMPT}]}
    async with aiohttp.ClientSession(address, connector=aiohttp.TCPConnector(limit=0)) as http:

        async def start() -> None:
            response = await http.post("/api/chat/stream", json=body)
            assert response.status == 200, await response.text()
            await response.content.readany()
            responses.append(response)

        responses: list[aiohttp.ClientResponse] = []
        for begun in range(0, count, TOGETHER):
            await asyncio.gather(*(start() for _ in range(min(TOGETHER, count - begun))))
        print("ready", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
