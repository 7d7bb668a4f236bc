"""The newest answer of a conversation, by the name that its client has given it, and its stop."""

from gateway.api.services import Services
from gateway.generation.generation import Generation
from gateway.protocol.commands import InterruptRequest
from gateway.protocol.errors import Code, Refused
from gateway.security.principals import Principal


def name_newest(services: Services, generation: Generation, alias: str, principal: Principal) -> None:
    """Set a conversation's alias to its newest answer. The one before is stopped if it has no viewers any more.

    `stop()` of these clients only closes a connection: without this, the answer before would go on in vain.
    """
    hub = services.hub
    before = hub.find_by_alias(alias, principal)
    hub.add_alias(generation.id, alias, principal)
    newest = hub.find_by_alias(alias, principal)
    if before is not None and before is not newest and not hub.is_viewed(before.id):
        stop(services, before, principal, services.clock.now(), "the conversation went on")


def stop(
    services: Services, generation: Generation, principal: Principal, read_at: float, reason: str | None = None
) -> bool:
    """Stop a generation; return False if it has ended, or stops already.

    Raises:
        Refused: `forbidden`.
    """
    try:
        return services.hub.interrupt(generation.id, InterruptRequest(reason=reason), read_at, principal).stopped
    except Refused as refused:
        if refused.code is not Code.ALREADY_OVER:
            raise
        return False
