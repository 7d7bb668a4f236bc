"""Chats of the AI SDK: which generation is the newest answer of one, and how it is read again."""

from collections.abc import Mapping

from gateway.api.services import Services
from gateway.dialects.ai_sdk.projection import AiSdkProjection
from gateway.dialects.ai_sdk.request import knows_reset, message_id_of
from gateway.dialects.base import Dialect, ResponseIdentity
from gateway.generation.event_log import EventLog
from gateway.generation.generation import Generation
from gateway.protocol.errors import Refused
from gateway.protocol.events import Revision
from gateway.security.principals import Principal
from transports.chat_ui.newest import name_newest
from transports.projected.endpoint import alias_of


class Chats:
    """The chats of all principals. Each principal has its own: the id of a chat is the client's choice."""

    def __init__(self, services: Services, dialect: Dialect) -> None:
        self._services = services
        self._dialect = dialect

    async def find(self, chat_id: str, principal: Principal) -> Generation | None:
        """Return the newest answer of a chat, or the generation with this id; None if there is none."""
        found = await self._services.generations.find_by_alias(alias_of(self._dialect, chat_id), principal)
        if found is not None:
            return found
        try:
            return await self._services.generations.find(chat_id, principal)
        except Refused:
            return None

    async def add(self, generation: Generation, chat_id: str, principal: Principal) -> None:
        """Record the newest answer of a chat."""
        await name_newest(self._services, generation, alias_of(self._dialect, chat_id), principal)


def replay(
    generation: Generation, headers: Mapping[str, str], *, numbered: bool = False, done: bool = True
) -> AiSdkProjection:
    """Return a projection of an answer from its beginning, for a client with these headers.

    It leaves out texts that were replaced, so that a client that does not know `reset-step` gets the answer, too; with
    `numbered` it does not, because each chunk has a number.

    Raises:
        Refused: the headers are not valid.
    """
    identity = ResponseIdentity(generation.id, generation.model, generation.created)
    message_id = message_id_of(generation.id, generation.metadata)
    after = 0 if numbered else _newest_revision(generation.log)
    return AiSdkProjection(identity, message_id, resets=knows_reset(headers), after=after, done=done)


def _newest_revision(log: EventLog) -> int:
    """Return the position of the newest revision; 0 without one."""
    return max((entry.last for entry in log.since(0) if isinstance(entry.other, Revision)), default=0)
