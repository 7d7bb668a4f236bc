"""The newest answer of a conversation, by the name that its client has given it, and its stop."""

from gateway.api.services import Services
from gateway.generation.generation import Generation
from gateway.protocol.commands import InterruptRequest
from gateway.protocol.errors import Code, Refused
from gateway.security.principals import Principal


async def name_newest(services: Services, generation: Generation, alias: str, principal: Principal) -> None:
    """Set a conversation's alias to its newest answer. The one before is stopped if it has no viewers any more.

    `stop()` of these clients only closes a connection: without this, the answer before would go on in vain.
    """
    generations = services.generations
    before = await generations.find_by_alias(alias, principal)
    await generations.add_alias(generation.id, alias, principal)
    newest = await generations.find_by_alias(alias, principal)
    if before is None or (newest is not None and newest.id == before.id) or services.hub.is_viewed(before.id):
        return
    await stop(services, before.id, principal, services.clock.now(), "the conversation went on")


async def stop(
    services: Services, generation_id: str, principal: Principal, read_at: float, reason: str | None = None
) -> bool:
    """Stop a generation; return False if it has ended, or stops already.

    Raises:
        Refused: `forbidden`.
    """
    try:
        _, stopped = await services.generations.interrupt(
            generation_id, InterruptRequest(reason=reason), read_at, principal
        )
    except Refused as refused:
        if refused.code is not Code.ALREADY_OVER:
            raise
        return False
    return stopped
