"""The event loop of a test."""

import asyncio


async def settle() -> None:
    """Run all tasks until each waits for something."""
    for _ in range(50):
        await asyncio.sleep(0)
