"""The event loop of a test."""

import asyncio
import os
from typing import Final

STORE_SECONDS: Final = 0.02 if "://" in os.environ.get("DUALSTREAM_TEST_STORE", "") else 0.0
"""Time for the replies of a real store, if the suites of one gateway run with one (`tests/shared_store.py`)."""


async def settle() -> None:
    """Run all tasks until each waits for something."""
    for _ in range(50):
        await asyncio.sleep(0)
    if STORE_SECONDS:
        # What is then to be done may ask the store again.
        for _ in range(3):
            await asyncio.sleep(STORE_SECONDS)
            for _ in range(10):
                await asyncio.sleep(0)
