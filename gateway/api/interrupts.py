"""Count the requests that interrupt a generation: as commands only if they stop nothing."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from gateway.api.services import Services
from gateway.protocol.errors import Refused
from gateway.security.principals import Principal


@dataclass(slots=True)
class InterruptCount:
    """Whether an interrupt took effect; its sender sets it."""

    stopped: bool = False


@asynccontextmanager
async def counted_interrupt(
    services: Services, generation_id: str, sender: Principal, read_at: float
) -> AsyncIterator[InterruptCount]:
    """Count an interrupt before its body is read; one that takes effect is not counted as a command.

    Each generation can be interrupted only once, so effective interrupts cannot flood the gateway, and a client that
    exceeds its rate must still be able to stop what costs it money.

    Raises:
        Refused: `rate_limit`: it exceeds the rate, and there is nothing that it could stop.
    """
    commands, count = services.commands, InterruptCount()
    is_within_rate = await _count(services, generation_id, sender, read_at)
    try:
        yield count
    finally:
        if count.stopped and is_within_rate:
            commands.refund_request(sender.id, sender.address, read_at)
        elif not (count.stopped or is_within_rate):
            commands.count_failed_stop(sender.id, sender.address, read_at)


async def _count(services: Services, generation_id: str, sender: Principal, now: float) -> bool:
    """Count an interrupt; return False if it exceeds the rate and may still take effect."""
    try:
        services.commands.count_request(sender.id, sender.address, now)
    except Refused:
        if not await services.generations.can_interrupt(generation_id, sender):
            raise
        services.commands.allow_stop(sender.id, sender.address, now)
        return False
    return True
