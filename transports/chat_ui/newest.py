"""The newest answer of a conversation, by the name that its client has given it, and its stop."""

from contextlib import suppress

from gateway.api.services import Services
from gateway.generation.generation import Generation
from gateway.protocol.commands import InterruptRequest
from gateway.protocol.errors import Code, Refused
from gateway.security.principals import Principal


async def name_newest(services: Services, generation: Generation, alias: str, principal: Principal) -> None:
    """Set a conversation's alias to its newest answer. The one before is stopped if it has no viewers any more.

    `stop()` of these clients only closes a connection: without this, the answer before would go on in vain.
    """
    before = await services.generations.add_alias(generation.id, alias, principal)
    if before is not None and before != generation.id:
        reason = "the conversation went on"
        # One that is kept no longer, or belongs to another principal by now, needs no stop.
        with suppress(Refused):
            await stop(services, before, principal, services.clock.now(), reason, unless_viewed=True)


async def stop(
    services: Services,
    generation_id: str,
    principal: Principal,
    read_at: float,
    reason: str | None = None,
    *,
    unless_viewed: bool = False,
) -> bool:
    """Stop a generation; return False if it has ended, or stops already, or has viewers and must have none.

    Raises:
        Refused: `forbidden`.
    """
    try:
        _, stopped = await services.generations.interrupt(
            generation_id, InterruptRequest(reason=reason), read_at, principal, unless_viewed=unless_viewed
        )
    except Refused as refused:
        if refused.code is not Code.ALREADY_OVER:
            raise
        return False
    return stopped
