"""Slots and their queue in Redis: all of a deployment on one node of a cluster, so that one script decides.

Positions are computed here, not there: the scripts return the principals with their turns, and no walk of the queue
keeps other gateways waiting.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from gateway.admission.slots import SlotState
from gateway.store.redis.calls import Command, Script, ScriptCall
from gateway.store.redis.client import RedisClient, checked
from gateway.store.redis.keys import Keys
from gateway.store.redis.replies import Argument, Reply, as_bytes, as_int, as_list, as_text
from gateway.store.redis.scripts import load_script
from gateway.store.slots import SlotAnswer, SlotClaim, SlotLimits, SlotView

KEEP_MILLISECONDS: Final = 86_400_000
"""How long everything is kept after the last gateway has looked."""

PRINCIPAL: Final = 24
"""Length of a principal's digest."""

NUMBER: Final = 16
"""Length of a claim's number in the queue."""

_CLAIM: Final = load_script("slots", "claim_slot")
_RELEASE: Final = load_script("slots", "release_slots")
_LOOK: Final = load_script("slots", "look_at_slots")
_RESTORE: Final = load_script("slots", "restore_slots")
_DROP: Final = load_script("slots", "drop_slots")

_STATES: Final = {b"r": SlotState.RUNNING, b"w": SlotState.WAITING, b"e": SlotState.EVICTED}


class Place(NamedTuple):
    """A claim that waits: the `number`th of its principal."""

    principal: str
    number: int


class RedisSlots:
    """Claims by gateway and generation."""

    def __init__(self, client: RedisClient, keys: Keys) -> None:
        self._client = client
        self._keys = keys.slots

    async def claim(
        self, replica: str, claim: SlotClaim, limits: SlotLimits, ttl: float, *, may_wait: bool
    ) -> SlotAnswer:
        """Grant a slot; without a free one, queue the claim if it `may_wait`. A second time it returns its state."""
        args = (*_words(claim), int(may_wait))
        state, position, queued, mean, wakes = as_list(await self._run(_CLAIM, replica, limits, ttl, args))
        return SlotAnswer(_STATES.get(as_bytes(state)), as_int(position), as_int(queued), _mean(mean), _names(wakes))

    async def release(self, replica: str, generation_ids: Sequence[str], limits: SlotLimits) -> frozenset[str]:
        """Release slots or leave the queue; unknown claims are ignored."""
        return _names(await self._run(_RELEASE, replica, limits, 0, generation_ids))

    async def look(
        self, replica: str, limits: SlotLimits, ttl: float, seen: Sequence[str], *, with_positions: bool = True
    ) -> SlotView:
        """Renew the lease; return what has changed, without the changes that were `seen` before."""
        args: tuple[Argument, ...] = (KEEP_MILLISECONDS, int(with_positions), *seen)
        reply = as_list(await self._run(_LOOK, replica, limits, ttl, args))
        changed, waiting, all_waiting, turns, counts = map(as_list, reply[:5])
        count, queued, mean, wakes = reply[5:]
        states = {_generation(changed[at]): _STATES[as_bytes(changed[at + 1])] for at in range(0, len(changed), 2)}
        places, number_of = _places(waiting), _scores(counts)
        if all_waiting:
            places, number_of = places_among(all_waiting, replica)
        positions = positions_of(places, _scores(turns), number_of)
        return SlotView(states, positions, as_int(count), as_int(queued), _mean(mean), _names(wakes))

    async def held(self, replica: str) -> Mapping[str, SlotState]:
        """Return all claims of a gateway that run or wait."""
        _, running, queued, *_ = self._keys
        # '!' follows the space that ends the gateway's name.
        calls = [Command(key, ("ZRANGEBYLEX", key, f"[{replica} ", f"({replica}!")) for key in (running, queued)]
        found = map(as_list, checked(await self._client.run(calls)))
        states = zip((SlotState.RUNNING, SlotState.WAITING), found, strict=True)
        return {_generation(claim): state for state, claims in states for claim in claims}

    async def restore(
        self,
        replica: str,
        running: Sequence[SlotClaim],
        waiting: Sequence[SlotClaim],
        limits: SlotLimits,
        ttl: float,
        *,
        settle: float = 0.0,
    ) -> frozenset[str]:
        """Add claims that the store has lost, or that were granted without it, beyond all limits."""
        words = [word for claim in (*running, *waiting) for word in _words(claim)]
        args = (round(settle * 1000), len(running), *words)
        return _names(await self._run(_RESTORE, replica, limits, ttl, args))

    async def drop(self, replica: str, limits: SlotLimits) -> frozenset[str]:
        """Release all claims of a gateway that is gone."""
        return _names(await self._run(_DROP, replica, limits, 0, ()))

    async def _run(
        self, script: Script, replica: str, limits: SlotLimits, ttl: float, args: Sequence[Argument]
    ) -> Reply:
        first = (limits.max_concurrent, limits.max_queue, replica, round(ttl * 1000))
        return await self._client.call(ScriptCall(script, self._keys, (*first, *args)))


def places_among(waiting: Sequence[Reply], replica: str) -> tuple[dict[str, Place], dict[str, float]]:
    """Return the places of a gateway's claims among all that wait, and how much of each principal's does.

    Those of one principal follow each other in order; each has the principal, a number and the claim.
    """
    prefix, places, counts = f"{replica} ", dict[str, Place](), Counter[str]()
    for reply in waiting:
        text = as_text(reply)
        principal, claim = text[:PRINCIPAL], text[PRINCIPAL + NUMBER :]
        counts[principal] += 1
        if claim.startswith(prefix):
            places[claim.removeprefix(prefix)] = Place(principal, counts[principal])
    return places, {principal: float(count) for principal, count in counts.items()}


def _places(waiting: Sequence[Reply]) -> dict[str, Place]:
    return {
        _generation(waiting[at]): Place(as_text(waiting[at + 1]), as_int(waiting[at + 2]))
        for at in range(0, len(waiting), 3)
    }


def positions_of(
    places: Mapping[str, Place], turns: Mapping[str, float], counts: Mapping[str, float]
) -> Mapping[str, int]:
    """Return the positions of claims, from the turns of all principals and how much of each one's waits.

    Principals take turns: the first claim of each comes before the second one of any.
    """
    wanted = {place: generation_id for generation_id, place in places.items()}
    last = max((place.number for place in places.values()), default=0)
    remaining, before = sorted(turns, key=turns.__getitem__), 0
    positions = dict[str, int]()
    for number in range(1, last + 1):
        remaining = [principal for principal in remaining if counts.get(principal, 0) >= number]
        for position, principal in enumerate(remaining, start=before + 1):
            generation_id = wanted.get(Place(principal, number))
            if generation_id is not None:
                positions[generation_id] = position
        before += len(remaining)
    return positions


def _words(claim: SlotClaim) -> tuple[str, str, int]:
    # Of one length for all clients: the scripts join it with others, and sort by it.
    name = claim.principal.encode("utf-8", "surrogatepass")
    digest = hashlib.blake2b(name, digest_size=PRINCIPAL // 2).hexdigest()
    return claim.generation_id, digest, claim.max_concurrent


def _generation(claim: Reply) -> str:
    return as_text(claim).partition(" ")[2]


def _scores(reply: Sequence[Reply]) -> dict[str, float]:
    return {as_text(name): float(as_int(score)) for name, score in zip(reply[::2], reply[1::2], strict=True)}


def _mean(milliseconds: Reply) -> float | None:
    return None if milliseconds is None else float(as_text(milliseconds)) / 1000


def _names(reply: Reply) -> frozenset[str]:
    return frozenset(map(as_text, as_list(reply)))
