"""Wait for the end of a generation, which may run on another gateway."""

import asyncio
from contextlib import suppress

from gateway.clock import time_limit
from gateway.generation.generation import Generation
from gateway.pipeline.hub import Hub


async def wait_for_end(hub: Hub, generation: Generation, seconds: float) -> None:
    """Wait until a generation has ended, for at most so many seconds."""
    changed = asyncio.Event()
    # The events of a generation that runs elsewhere come as long as it is viewed here.
    hub.add_viewer(generation.id)
    generation.log.subscribe(changed.set)
    try:
        with suppress(TimeoutError):
            async with time_limit(seconds, hub.clock):
                while not generation.log.ended:
                    changed.clear()
                    await changed.wait()
    finally:
        generation.log.unsubscribe(changed.set)
        hub.remove_viewer(generation.id)
