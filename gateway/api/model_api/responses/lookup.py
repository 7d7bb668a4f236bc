"""Find stored responses: those of this process, and with a shared store, those of all gateways."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from gateway.api.model_api.responses.store import ResponseStore, StoredResponse
from gateway.generation.generation import Generation
from gateway.replicas.membership.store_health import store_unavailable
from gateway.security.principals import Principal
from gateway.store.errors import StoreError

if TYPE_CHECKING:
    from gateway.api.model_api.responses.shared import SharedResponses


class Asker(NamedTuple):
    """Who asks: a principal, and the connection whose own responses it can refer to, if it is one."""

    principal: Principal
    scope: object = None

    @property
    def owner(self) -> str:
        """Return the id of the principal, by which its responses are stored."""
        return self.principal.id


@dataclass(frozen=True, slots=True)
class Lookup:
    """Finds responses. What only one connection can refer to is of this process alone."""

    local: ResponseStore
    shared: "SharedResponses | None" = None

    async def find(self, response_id: str, asker: Asker) -> StoredResponse | None:
        """Return a response; None if it is unknown, another owner's, or only for another connection.

        Raises:
            Refused: the shared store can't be read, and the response is not of this process.
        """
        found = self.local.find(response_id, asker.owner, asker.scope)
        if self.shared is None or (found is not None and found.scope is not None):
            return found
        try:
            return await self.shared.find(response_id, asker.principal, found)
        except StoreError as error:
            if found is None:
                raise store_unavailable(error.fault) from error
            return found

    async def newest_first(self, asker: Asker, count: int) -> AsyncIterator[StoredResponse]:
        """Yield the responses that `find` would return, newest first, those of the connection before others.

        Raises:
            Refused: as `find`.
        """
        local = self.local.newest_first(asker.owner, asker.scope)[:count]
        if self.shared is None:
            for response in local:
                yield response
            return
        for response in local:
            if response.scope is not None:
                yield response
        try:
            names = await self.shared.newest(asker.owner, count)
        except StoreError:
            names = [response.id for response in local if response.scope is None]
        for name in names:
            if (found := await self.find(name, asker)) is not None:
                yield found

    async def has_any_of(self, generation: Generation, owner: str) -> bool:
        """Return True if a response is stored that is a part of a generation."""
        if self.local.has_any_of(generation.id):
            return True
        try:
            return self.shared is not None and await self.shared.has_any_of(generation, owner)
        except StoreError as error:
            raise store_unavailable(error.fault) from error

    async def wait_for_end(self, response: StoredResponse) -> None:
        """Wait a moment for the end of a response that another gateway has brought to its client just now."""
        if self.shared is not None and response.generation is not None:
            await self.shared.wait_for_end(response.generation)

    async def flush(self) -> None:
        """Wait until the responses that were added are stored for all gateways."""
        if self.shared is not None:
            await self.shared.flush()
