"""Rate buckets and idempotency keys in Redis: those of a principal are on one node of a cluster, for one script."""

import hashlib
from collections.abc import Sequence
from typing import Final

from gateway.admission.rate_limits import BucketSize, BucketSizes, Levels
from gateway.store.errors import StoreError
from gateway.store.redis.calls import ScriptCall
from gateway.store.redis.client import RedisClient
from gateway.store.redis.keys import Keys, milliseconds
from gateway.store.redis.replies import Argument, Reply, as_bytes, as_int, as_list, as_text
from gateway.store.redis.scripts import load_script
from gateway.store.starts import LocalUse, Settlement, SettlementBatch, StartAttempt, StartDecision

_BEGIN: Final = load_script("buckets", "begin_start")
_SETTLE: Final = load_script("buckets", "settle_start")
_MERGE: Final = load_script("buckets", "merge_start")

SETTLED_SECONDS: Final = 600.0
"""How long the last batch of a gateway is known: one that is sent again after a longer outage may count twice."""


class RedisStarts:
    """Buckets by principal, and idempotency keys by principal and name."""

    def __init__(self, client: RedisClient, keys: Keys) -> None:
        self._client = client
        self._keys = keys

    async def begin(self, attempt: StartAttempt, keep: float) -> StartDecision:
        """Decide on a start; its key stands for it for `keep` seconds."""
        keys, fingerprint = [self._buckets(attempt.principal)], b""
        if attempt.claim is not None:
            keys.append(self._key(attempt.principal, attempt.claim.key))
            fingerprint = attempt.claim.fingerprint
        elif attempt.digest:
            keys.append(self._keys.equal_requests(attempt.principal, attempt.digest.hex()))
        replica = attempt.replica if attempt.digest else ""
        key_args = (attempt.generation_id, milliseconds(keep), fingerprint, attempt.former)
        args = (*_sizes(attempt.sizes), *key_args, replica, int(attempt.is_new))
        reply = as_list(await self._client.call(ScriptCall(_BEGIN, keys, args)))
        match as_bytes(reply[0]):
            case b"known":
                return StartDecision("known", as_text(reply[1]), as_int(reply[2]) / 1000)
            case b"equal":
                words = [*map(as_text, as_list(reply[1]))]
                return StartDecision("equal", equal=dict(zip(words[::2], words[1::2], strict=True)))
            case b"conflict":
                return StartDecision("conflict")
            case outcome:
                levels = Levels(*map(_level, reply[3:5]))
                return StartDecision("admitted" if outcome == b"admitted" else "limited", levels=levels)

    async def settle(self, batch: SettlementBatch) -> None:
        """Record what follows from starts. A key that stands for another generation by now is left alone."""
        of_principal: dict[str, list[Settlement]] = {}
        for settlement in batch.settlements:
            of_principal.setdefault(settlement.principal, []).append(settlement)
        calls = [self._settle(batch, principal, settlements) for principal, settlements in of_principal.items()]
        await self._client.run_all(calls)

    async def merge(self, uses: Sequence[LocalUse], keep: float) -> None:
        """Add what was decided without the store: buckets hold at most those levels, and keys that are new stand."""
        await self._client.run_all([self._merge(use, keep) for use in uses])

    def _settle(self, batch: SettlementBatch, principal: str, settlements: Sequence[Settlement]) -> ScriptCall:
        keys, args = [self._buckets(principal), self._keys.settled(principal, batch.replica)], list[Argument]()
        for settlement in settlements:
            if settlement.key is not None and settlement.keep is not None:
                keys.append(self._key(principal, settlement.key))
                args += (settlement.generation_id, round(settlement.keep * 1000))
            elif settlement.digest:
                keys.append(self._keys.equal_requests(principal, settlement.digest.hex()))
                args += (settlement.generation_id, -1)
        requests = sum(settlement.requests for settlement in settlements)
        tokens = sum(settlement.tokens for settlement in settlements)
        spent = (requests, tokens, batch.number, milliseconds(SETTLED_SECONDS))
        return ScriptCall(_SETTLE, keys, (*_sizes(settlements[-1].sizes), *spent, *args))

    def _merge(self, use: LocalUse, keep: float) -> ScriptCall:
        keys = [self._buckets(use.principal), *(self._key(use.principal, claim.key) for claim, _ in use.claims)]
        claims = (word for claim, generation_id in use.claims for word in (claim.fingerprint, generation_id))
        levels = ("" if level is None else level for level in use.levels)
        return ScriptCall(_MERGE, keys, (*_sizes(use.sizes), *levels, milliseconds(keep), *claims))

    def _buckets(self, principal: str) -> str:
        return self._keys.rates(principal)

    def _key(self, principal: str, key: str) -> str:
        # A client may send any text.
        digest = hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
        return self._keys.idempotency_key(principal, digest)


def _sizes(sizes: BucketSizes) -> Sequence[Argument]:
    return (*_size(sizes.requests), *_size(sizes.tokens))


def _size(size: BucketSize | None) -> tuple[Argument, Argument]:
    return ("", "") if size is None else (size.per_minute, size.burst)


def _level(reply: Reply) -> float | None:
    if reply is None:
        return None
    try:
        return float(as_bytes(reply))
    except ValueError as error:
        raise StoreError("refused", "Redis answered with text where a number was expected") from error
