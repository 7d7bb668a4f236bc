"""Stored responses of all gateways: a record for each, and the items of its conversation, which others have, too.

A record lists the pieces of its conversation, and each piece is stored once, under the hash of its content. So a turn
adds to the store what is new, and a hundred turns do not hold a hundred copies. Pieces have no count of references:
each response that has them renews them, and they expire with the last one. Of too many bytes of an owner, those that
were renewed longest ago make room. Events are in the logs of their generations.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Final

from pydantic import TypeAdapter

from gateway.api.model_api.responses.end import wait_for_end
from gateway.api.model_api.responses.store import OVERHEAD, Conversation, Items, ResponseStore, StoredResponse
from gateway.clock import Clock
from gateway.dialects.openai_responses.ids import response_id as id_of
from gateway.generation.generation import Generation
from gateway.protocol.errors import Code, Refused
from gateway.protocol.events import Revision
from gateway.replicas.generations import Generations
from gateway.replicas.values.value_key import hashed_key
from gateway.replicas.values.value_renewal import keep_seconds
from gateway.security.principals import Principal

if TYPE_CHECKING:
    from gateway.replicas.values.shared_state import SharedState

RENEWED_PART: Final = 0.03
"""Part of its time after which a piece is renewed by the next response that has it: for an hour, 3 minutes."""

END_SECONDS: Final = 0.25
"""How long a request waits for the end of the response that it goes on from: another gateway is writing it."""


@dataclass(frozen=True, slots=True)
class _Record:
    """A `StoredResponse`, as it is stored. `input` and `output` are the keys of pieces."""

    body: str
    input: Sequence[str]
    created: int
    model: str
    generation_id: str
    stored_at: float
    """In seconds since 1970: its pieces were new or renewed then."""
    after: int = 0
    until: int | None = None
    output: str | None = None


@cache
def _record_adapter() -> TypeAdapter[_Record]:
    return TypeAdapter(_Record)


@dataclass(frozen=True, slots=True)
class _Keys:
    """The keys of what is stored of a response, as it is now."""

    record: str
    response: StoredResponse

    def __iter__(self) -> Iterator[str]:
        yield self.record
        for items in self.response.parts:
            yield items.key


class SharedResponses:
    """The responses in the store. `local` has those that were created here, and tells when one is added or deleted.

    What fails to be stored is known to this gateway alone.
    """

    def __init__(self, shared: "SharedState", generations: Generations, local: ResponseStore, clock: Clock) -> None:
        self._shared = shared
        self._generations = generations
        self._clock = clock
        self._max_bytes = local.max_bytes_per_owner
        self._retention = local.retention
        self._keep = keep_seconds(local.retention)
        local.on_store, local.on_delete = self._on_store, self._on_delete

    async def find(self, response_id: str, principal: Principal, local: StoredResponse | None) -> StoredResponse | None:
        """Return a response of a principal; None if it is unknown, or its generation is no longer kept.

        `local` is what this gateway has of it.

        Raises:
            StoreError: the store can't be read.
            Refused: the same.
        """
        await self.flush()
        (data,) = await self._shared.values.get([_record_key(principal.id, response_id)])
        if data is None:
            return local
        record = _record_adapter().validate_json(data)
        generation = await self._find_generation(record.generation_id, principal)
        if generation is None or (local is not None and local.generation is generation):
            return None if generation is None else local
        keys = [*record.input, *(() if record.output is None else (record.output,))]
        pieces = await self._read(keys, record.stored_at)
        if pieces is None:
            return None
        conversation, output = pieces[: len(record.input)], pieces[len(record.input) :]
        return StoredResponse(
            *(response_id, principal.id, record.body.encode(), conversation, record.created, record.model, generation),
            after=record.after,
            until=record.until,
            output=next(iter(output), None),
        )

    async def newest(self, owner: str, count: int) -> Sequence[str]:
        """Return the ids of the newest responses of an owner, newest first; some may be kept no longer.

        Raises:
            StoreError: the store can't be read.
        """
        await self.flush()
        return await self._shared.quotas.newest(_quota(owner), count)

    async def has_any_of(self, generation: Generation, owner: str) -> bool:
        """Return True if a response is stored that is a part of a generation.

        A part begins where text was replaced by that which follows a client's input (`response.steer`).

        Raises:
            StoreError: the store can't be read.
        """
        await self.flush()
        parts = 1 + sum(isinstance(entry.other, Revision) for entry in generation.log.since(0))
        first = id_of(generation.id)
        ids = [first, *(f"{first}.{part}" for part in range(2, parts + 1))]
        return any(await self._shared.values.get([_record_key(owner, response_id) for response_id in ids]))

    async def wait_for_end(self, generation: Generation) -> None:
        """Wait a moment for the end of a generation of another gateway, which its client may have before the store."""
        if self._generations.is_elsewhere(generation.id):
            await wait_for_end(self._generations.hub, generation, END_SECONDS)

    async def flush(self) -> None:
        """Wait until what was added or deleted here is stored."""
        await self._shared.writes.flush()

    async def _find_generation(self, generation_id: str, principal: Principal) -> Generation | None:
        try:
            return await self._generations.find(generation_id, principal)
        except Refused as refused:
            if refused.code is not Code.GENERATION_LOST:
                raise
            return None

    async def _read(self, keys: Sequence[str], stored_at: float) -> Conversation | None:
        """Return pieces that were stored then; None if one is missing."""
        found, age = await self._shared.values.get(keys), max(0.0, self._clock.unix() - stored_at)
        pieces: list[Items] = []
        for key, data in zip(keys, found, strict=True):
            if data is None:
                return None
            items = Items(data=data)
            items.key, items.kept_until = key, self._clock.now() + self._keep - age
            pieces.append(items)
        return tuple(pieces)

    def _on_store(self, response: StoredResponse) -> None:
        self._shared.writes.write(response.id, partial(self._store, response))

    def _on_delete(self, response_id: str, owner: str) -> None:
        self._shared.writes.write(response_id, partial(self._delete, response_id, owner))

    async def _store(self, response: StoredResponse) -> None:
        """Store the record of a response and the pieces that are new, and renew the others."""
        now, key, owner = self._clock.now(), _record_key(response.owner, response.id), response.owner
        for items in response.parts:
            items.key = items.key or hashed_key("piece", owner, items.data.decode())
        due = [items for items in response.parts if items.kept_until <= now + self._keep * (1 - RENEWED_PART)]
        new = {items.key: items.data for items in due if items.kept_until <= now}
        record = _encode(response, self._clock.unix())
        await self._shared.values.touch([items.key for items in due if items.key not in new], self._keep)
        await self._shared.values.set({**new, key: record}, self._keep)
        for items in due:
            items.kept_until = now + self._keep
        if response.generation is not None:
            self._shared.renewal.add(response.generation.id, _Keys(key, response), self._retention)
        unkept = await self._count(f"pieces:{owner}", {items.key: len(items.data) for items in due})
        dropped = await self._count(_quota(owner), {response.id: len(record) + OVERHEAD})
        await self._shared.values.delete([*unkept, *(_record_key(owner, response_id) for response_id in dropped)])

    async def _count(self, quota: str, sizes: Mapping[str, int]) -> Sequence[str]:
        return await self._shared.quotas.add(quota, sizes, limit=self._max_bytes, keep=self._keep) if sizes else ()

    async def _delete(self, response_id: str, owner: str) -> None:
        await self._shared.values.delete([_record_key(owner, response_id)])
        await self._shared.quotas.remove(_quota(owner), [response_id])


def _encode(response: StoredResponse, stored_at: float) -> bytes:
    record = _Record(
        body=response.body.decode(),
        input=[items.key for items in response.input],
        created=response.created,
        model=response.model,
        generation_id="" if response.generation is None else response.generation.id,
        stored_at=stored_at,
        after=response.after,
        until=response.until,
        output=None if response.output is None else response.output.key,
    )
    return _record_adapter().dump_json(record)


def _record_key(owner: str, response_id: str) -> str:
    return hashed_key("response", owner, response_id)


def _quota(owner: str) -> str:
    return f"responses:{owner}"
