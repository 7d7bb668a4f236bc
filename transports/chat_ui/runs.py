"""The runs of one protocol: found by the ids that clients give them, stopped, and joined."""

from starlette.requests import Request
from starlette.responses import Response

from gateway.api.context import principal
from gateway.api.interrupts import counted_interrupt
from gateway.api.responses import id_headers, json_response
from gateway.api.services import Services
from gateway.dialects.base import Dialect, DialectStart
from gateway.generation.generation import Generation
from gateway.protocol.commands import JsonObject
from gateway.protocol.errors import lost
from gateway.security.principals import Principal
from transports.chat_ui.newest import stop
from transports.chat_ui.run_inputs import RunInputs, SharedRunInputs
from transports.projected.endpoint import alias_of


class Runs:
    """The generations that a protocol has started, with the requests that started them."""

    def __init__(self, services: Services, dialect: Dialect) -> None:
        self._services = services
        self._dialect = dialect
        self._inputs = RunInputs(self._is_running)
        shared, retention = services.generations.shared, services.hub.retention
        self._shared = None if shared is None else SharedRunInputs(shared, dialect.name, retention)
        services.hub.on_forget(self._inputs.forget)

    async def add(self, generation: Generation, start: DialectStart, sender: Principal) -> None:
        """Keep the request that started a generation, under the id that its client has given it."""
        # Before the first await: what is kept for a generation is dropped with it, and it may end meanwhile.
        kept = self._inputs.add(generation.id, start.call.body)
        self._services.hub.hold(generation.id, len(kept))
        if self._shared is not None and kept:
            await self._shared.add(generation.id, kept, sender)
        await self._services.generations.add_alias(generation.id, alias_of(self._dialect, start.alias), sender)

    async def find(self, client_id: str, sender: Principal) -> Generation:
        """Return the newest generation that a client's own id names.

        Raises:
            Refused: `generation_lost`.
        """
        generation = await self._services.generations.find_by_alias(alias_of(self._dialect, client_id), sender)
        if generation is None:
            raise lost(client_id)
        return generation

    async def input_of(self, generation: Generation) -> JsonObject:
        """Return the request that started a generation.

        Raises:
            Refused: `generation_lost`: it is not kept any more, or the generation belongs to another protocol.
        """
        body = self._inputs.find(generation.id)
        if body is None and self._shared is not None:
            body = await self._shared.find(generation.id)
        if body is None:
            raise lost(generation.id)
        return body

    async def stop(self, request: Request, client_id: str) -> Response:
        """Stop a run; one that is over stays as it is."""
        read_at, sender = self._services.clock.now(), principal(request)
        generation = await self.find(client_id, sender)
        async with counted_interrupt(self._services, generation.id, sender, read_at) as count:
            count.stopped = await stop(self._services, generation.id, sender, read_at)
        body = {"generation_id": generation.id, "state": generation.state}
        return json_response(request, body, 202, id_headers(request, generation))

    def _is_running(self, generation_id: str) -> bool:
        return self._services.hub.is_running(generation_id)
