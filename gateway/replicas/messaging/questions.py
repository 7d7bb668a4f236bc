"""What gateways ask each other that is about no generation of the one that asks."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from gateway.dialects.sent_request import SentRequest
from gateway.pipeline.hub import Hub
from gateway.protocol.errors import Refused
from gateway.replicas.messaging.messages import Call
from gateway.replicas.messaging.messenger import Messenger, Result
from gateway.replicas.messaging.resends import RESEND, ask_owners, decode_sent
from gateway.replicas.messaging.running import RunningGeneration, decode_reader, decode_rows, encode_reader, encode_rows
from gateway.replicas.policy import REPLY_SECONDS
from gateway.security.principals import Principal
from gateway.store.errors import StoreError

LIST = "list"
"""The action that lists what runs."""


class Questions:
    """Asks the gateways that are `alive`, and answers them. `handlers` answer calls by their action."""

    def __init__(self, messenger: Messenger, hub: Hub, alive: Callable[[], frozenset[str]]) -> None:
        self.handlers: dict[str, Callable[[Result], Awaitable[Result]]] = {LIST: self._list}
        self._messenger = messenger
        self._hub = hub
        self._alive = alive

    async def ask_all(
        self, action: str, arguments: Result, seconds: float = REPLY_SECONDS
    ) -> Mapping[str, Result | Refused | TimeoutError | StoreError]:
        """Return the answers of the other gateways by name, or why there is none.

        A `Refused` comes also from a gateway whose version does not know the action.
        """
        names = sorted(self._alive())
        answers = await asyncio.gather(*[self._ask(name, action, arguments, seconds) for name in names])
        return dict(zip(names, answers, strict=True))

    async def running_elsewhere(self, principal: Principal) -> list[RunningGeneration]:
        """Return the generations of the other gateways that a principal may read, of those that answer."""
        answers = await self.ask_all(LIST, encode_reader(principal))
        return [row for answer in answers.values() if not isinstance(answer, Exception) for row in decode_rows(answer)]

    async def find_resent(self, equal: Mapping[str, str], sent: SentRequest) -> str | None:
        """Return which of the generations on other gateways a request has started before; see `ask_owners`."""
        return await ask_owners(self._messenger, equal, self._alive(), sent)

    async def answer(self, call: Call) -> Result | None:
        """Answer another gateway; return None if its call is a command.

        Raises:
            Refused: the handler refuses it.
        """
        if call.action == RESEND:
            generation = self._hub.find_resent(call.generation_id, decode_sent(call.arguments))
            return {"found": None if generation is None else generation.id}
        handler = self.handlers.get(call.action)
        return None if handler is None else await handler(call.arguments)

    async def _ask(
        self, name: str, action: str, arguments: Result, seconds: float
    ) -> Result | Refused | TimeoutError | StoreError:
        try:
            async with self._messenger.calling(name, action, "", arguments) as call:
                return call.result() if await call.wait(seconds) else TimeoutError(f"no answer within {seconds:g} s")
        except (Refused, StoreError) as error:
            return error

    async def _list(self, arguments: Result) -> Result:
        return encode_rows([*map(RunningGeneration.of, self._hub.running_for(decode_reader(arguments)))])
