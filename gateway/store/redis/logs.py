"""Logs in Redis: for each generation a Stream, with one item a batch whose id is the number of its last event.

The head beside it is a hash. A set for each gateway names what it owns: in a cluster it is on another node, so a
generation is added before it is stored, and removed after it has ended. Names in it that are not true are ignored.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from math import inf
from typing import Final, NamedTuple

from gateway.clock import Clock
from gateway.generation.event_log import Entry
from gateway.log_fields import log_fields
from gateway.protocol.events import TERMINAL
from gateway.store.entries import decode_entries, encode_entries
from gateway.store.errors import StoreError
from gateway.store.logs import Append, Appended, Head, LogPart, Position, Take
from gateway.store.redis.calls import Call, Command, ScriptCall
from gateway.store.redis.client import RedisClient, checked
from gateway.store.redis.keys import Keys, milliseconds
from gateway.store.redis.messages import RedisMessages
from gateway.store.redis.replies import Reply, as_bytes, as_int, as_list, as_text
from gateway.store.redis.scripts import load_script

logger = logging.getLogger(__name__)

OWNED_MS: Final = 24 * 3600 * 1000
"""How long the names of what a gateway owns are kept after the last of them, in milliseconds: no generation runs as
long."""

EXPIRE_SECONDS: Final = 60.0
"""How long that expiry is not set again while something is owned: at each start, it would be a fifth of the commands of
a short generation."""

_CREATE: Final = load_script("create")
_APPEND: Final = load_script("append")
_READ: Final = load_script("read")
_TAKE: Final = load_script("take")
_DELETE: Final = load_script("delete")

LARGE_BYTES: Final = 64 * 1024
"""Size of a conversation from which it is sent beside other commands, which would be late behind it."""

OWNERS: Final = 16
"""Number of gateways whose keys are remembered."""

SWEEP_AT: Final = 1024
"""Number of times of renewal at which those that are past are removed."""

_APPENDED: Final = {1: Appended.STORED, 0: Appended.FENCED, -1: Appended.MISSING}


class _Written(NamedTuple):
    """The keys of a generation that is being written.

    At `renew_at` its expiry is set again: at each batch, that would be a third of the server's work.
    """

    keys: Sequence[str]
    renew_at: float


class RedisLogs:
    """Logs by generation id. `bulk_client` runs what sends or returns much: whole logs, conversations, lists."""

    def __init__(
        self, client: RedisClient, bulk_client: RedisClient, keys: Keys, messages: RedisMessages, clock: Clock
    ) -> None:
        self._client = client
        self._bulk_client = bulk_client
        self._keys = keys
        self._messages = messages
        self._clock = clock
        self._written: dict[str, _Written] = {}
        """Generations that are being written."""
        self._sweep_at = SWEEP_AT
        self._owned_key = lru_cache(OWNERS)(keys.owned)
        """The key of what a gateway owns: nearly always this one."""
        self._expires_set: dict[str, float] = {}
        """When the expiry of this key was set last, by its gateway."""

    async def create(self, head: Head, entries: Sequence[Entry], keep: float, prompt: bytes = b"") -> bool:
        """Store a new generation with its first events; return False, and change nothing, if another one has its id."""
        ended = "1" if head.ended else "0"
        facts = (head.version, head.details or b"", head.facts or b"")
        args = (head.owner, head.fence, entries[-1].last, ended, milliseconds(keep), *facts, encode_entries(entries))
        keys = self._keys.all_of_generation(head.generation_id)
        own = () if head.ended else self._own(head.owner, [head.generation_id])
        client = self._client if len(prompt) <= LARGE_BYTES else self._bulk_client
        *_, created = await client.run_all(own, [ScriptCall(_CREATE, keys, (*args, prompt))])
        is_new = as_int(created) == 1
        if is_new and not head.ended:
            self._note_renewal(head.generation_id, keys, keep)
        return is_new

    async def append(self, appends: Sequence[Append], wakes: Mapping[str, bytes] | None = None) -> Sequence[Appended]:
        """Append events; return a result for each, and send `wakes` afterwards."""
        now = self._clock.now()
        calls = [self._append(append, now) for append in appends]
        then = [
            self._disown(append.owner, append.generation_id)
            for append in appends
            if append.entries and append.entries[-1].kind in TERMINAL
        ]
        if then and len(then) >= len(self._written):
            self._on_nothing_owned()
        if wakes:
            then += self._messages.calls(list(wakes.items()))
        replies = await self._client.run_all(calls, then)
        results = [_APPENDED[as_int(reply)] for _, reply in zip(calls, replies, strict=False)]
        for append, call, result in zip(appends, calls, results, strict=True):
            self._on_appended(append, call.keys, result, now)
        return results

    async def read(self, positions: Mapping[str, Position], *, is_large: bool = False) -> Mapping[str, LogPart]:
        """Return what follows a position of each generation; unknown generations are left out."""
        calls = [ScriptCall(_READ, self._keys.generation(name), position) for name, position in positions.items()]
        is_large = is_large or not all(position.last for position in positions.values())
        replies = checked(await (self._bulk_client if is_large else self._client).run(calls))
        found = zip(positions.items(), replies, strict=True)
        parts = {name: _part(name, place.last, as_list(reply)) for (name, place), reply in found if reply is not None}
        return {name: part for name, part in parts.items() if part is not None}

    async def prompt(self, generation_id: str) -> bytes:
        """Return the conversation of a generation; b"" without one."""
        key = self._keys.prompt(generation_id)
        return as_bytes(await self._bulk_client.call(Command(key, ("GET", key))) or b"")

    async def take(self, takes: Sequence[Take]) -> Sequence[Head | None]:
        """Change the owner of generations; return the head of each as it is then."""
        by_owner = dict[str, list[str]]()
        for take in takes:
            by_owner.setdefault(take.owner, []).append(take.generation_id)
        own = [call for owner, names in by_owner.items() for call in self._own(owner, names)]
        replies = (await self._client.run_all(own, [self._take(take) for take in takes]))[len(own) :]
        heads = [
            None if reply is None else _head(take.generation_id, as_list(reply))
            for take, reply in zip(takes, replies, strict=True)
        ]
        # Last, so that no generation is without an owner whose death would be noticed.
        lost = [call for take, head in zip(takes, heads, strict=True) for call in self._on_taken(take, head)]
        await self._client.run_all(lost)
        return heads

    async def owned(self, owner: str) -> Sequence[str]:
        """Return the ids of the generations that a gateway owns and that have not ended."""
        key = self._keys.owned(owner)
        members = as_list(await self._bulk_client.call(Command(key, ("SMEMBERS", key))))
        names = [as_bytes(member).decode("utf-8", "surrogatepass") for member in members]
        heads = [self._keys.generation(name)[0] for name in names]
        calls = [Command(head, ("HMGET", head, "owner", "ended")) for head in heads]
        replies = checked(await self._bulk_client.run(calls))
        expected: Reply = [owner.encode(), b"0"]
        return [name for name, reply in zip(names, replies, strict=True) if reply == expected]

    async def delete(self, generation_id: str) -> None:
        """Delete a generation; an unknown one is ignored."""
        self._written.pop(generation_id, None)
        if not self._written:
            self._on_nothing_owned()
        owner = await self._client.call(ScriptCall(_DELETE, self._keys.all_of_generation(generation_id)))
        if owner is not None:
            await self._client.call(self._disown(as_text(owner), generation_id))

    def _on_appended(self, append: Append, keys: Sequence[str], result: Appended, began: float) -> None:
        generation_id, _, _, entries, keep, _ = append
        written = self._written.get(generation_id)
        if result is not Appended.STORED or not entries or entries[-1].kind in TERMINAL:
            self._written.pop(generation_id, None)
        elif written is None or written.renew_at <= began:
            self._note_renewal(generation_id, keys, keep)

    def _note_renewal(self, generation_id: str, keys: Sequence[str], keep: float) -> None:
        self._written[generation_id] = _Written(keys, self._clock.now() + keep / 2)
        self._sweep()

    def _sweep(self) -> None:
        """Remove what is past: generations that this gateway no longer writes leave entries behind."""
        if len(self._written) > self._sweep_at:
            now = self._clock.now()
            self._written = {name: written for name, written in self._written.items() if written.renew_at > now}
            self._sweep_at = max(SWEEP_AT, 2 * len(self._written))

    def _take(self, take: Take) -> Call:
        head, _ = self._keys.generation(take.generation_id)
        return ScriptCall(_TAKE, (head,), (take.former, take.fence, take.owner))

    def _on_taken(self, take: Take, head: Head | None) -> Sequence[Call]:
        """Return the calls that remove a generation from the sets of those that do not own it now."""
        owner = None if head is None or head.ended else head.owner
        return [self._disown(name, take.generation_id) for name in {take.former, take.owner} - {owner}]

    def _append(self, append: Append, now: float) -> ScriptCall:
        generation_id, owner, fence, entries, kept, details = append
        last, ended = (entries[-1].last, entries[-1].kind in TERMINAL) if entries else (0, False)
        written = self._written.get(generation_id)
        is_due = ended or written is None or now >= written.renew_at
        keep = milliseconds(kept) if is_due else 0
        batch = encode_entries(entries) if entries else b""
        args = (owner, fence, last, "1" if ended else "0", keep, batch)
        keys = self._keys.all_of_generation(generation_id) if written is None else written.keys
        return ScriptCall(_APPEND, keys, args if details is None else (*args, details))

    def _own(self, owner: str, generation_ids: Sequence[str]) -> Sequence[Call]:
        key, now = self._owned_key(owner), self._clock.now()
        add = Command(key, ("SADD", key, *map(_encoded, generation_ids)))
        if now < self._expires_set.get(owner, -inf) + EXPIRE_SECONDS:
            return (add,)
        if len(self._expires_set) >= OWNERS:
            self._expires_set.clear()
        self._expires_set[owner] = now
        return add, Command(key, ("PEXPIRE", key, OWNED_MS))

    def _on_nothing_owned(self) -> None:
        """Set the expiry again with the next start: Redis deletes an empty set, and its expiry with it."""
        self._expires_set.clear()

    def _disown(self, owner: str, generation_id: str) -> Call:
        key = self._owned_key(owner)
        return Command(key, ("SREM", key, _encoded(generation_id)))


def _encoded(generation_id: str) -> bytes:
    # It may come from a client, and be any text.
    return generation_id.encode("utf-8", "surrogatepass")


def _head(generation_id: str, fields: Sequence[Reply]) -> Head:
    owner, fence, last, ended, version = fields[:5]
    return Head(generation_id, as_text(owner), as_int(fence), as_int(last), ended == b"1", as_int(version))


def _part(generation_id: str, after: int, fields: Sequence[Reply]) -> LogPart | None:
    """Return what was read; None if the head is none: one generation must not stop the reading of all others."""
    details, facts = (None if field is None else as_bytes(field) for field in fields[5:7])
    try:
        head = replace(_head(generation_id, fields), details=details, facts=facts)
    except StoreError as error:
        extra = log_fields("generation_damaged", generation=generation_id, reason=str(error))
        logger.error("what is stored of generation %s is damaged: %s", generation_id, error, extra=extra)
        return None
    try:
        entries = [entry for batch in as_list(fields[7]) for entry in decode_entries(as_bytes(batch))]
    except ValueError as error:
        return LogPart(head, (), str(error))
    return LogPart(head, [entry for entry in entries if entry.last > after])
