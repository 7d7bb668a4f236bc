"""A process of clients that can be killed: `python -m tests.integration.faults.client_process URL COUNT MODEL`.

Half of the clients use SSE, half WebSocket. It prints the ids of all generations in one line once each has text.
"""

import asyncio
import sys
from collections.abc import Sequence

from gateway.client import Answer, Client
from tests.integration.faults.servers import PROMPT


async def stream(address: str, count: int, model: str, ready: asyncio.Future[Sequence[Answer]]) -> None:
    """Start `count` answers and read them to their end; set them in `ready` once each has text."""
    async with Client(address, transport="sse") as by_sse, Client(address, transport="ws") as by_socket:
        clients = [by_sse if number % 2 else by_socket for number in range(count)]
        answers = await asyncio.gather(*(client.start(PROMPT, model=model) for client in clients))
        readers = [asyncio.create_task(_read(answer)) for answer in answers]
        try:
            while not all(answer.text for answer in answers):
                await asyncio.sleep(0.01)
            ready.set_result(answers)
            await asyncio.gather(*readers)
        finally:
            for reader in readers:
                reader.cancel()


async def _read(answer: Answer) -> None:
    async for _ in answer:
        pass


async def _main(address: str, count: str, model: str) -> None:
    ready: asyncio.Future[Sequence[Answer]] = asyncio.get_running_loop().create_future()
    streaming = asyncio.create_task(stream(address, int(count), model, ready))
    print(*(answer.id for answer in await ready), flush=True)
    await streaming


if __name__ == "__main__":
    asyncio.run(_main(*sys.argv[1:]))
