"""Rate buckets and idempotency keys in memory."""

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.admission.rate_limits import EPSILON, BucketSize, Levels
from gateway.clock import Clock
from gateway.store.starts import LocalUse, SettlementBatch, StartAttempt, StartDecision


@dataclass(slots=True)
class _Key:
    generation_id: str
    fingerprint: bytes
    claimed: float
    expires: float


class MemoryStarts:
    """Buckets by principal and unit, keys by principal and name."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._buckets: dict[tuple[str, str], tuple[float, float]] = {}
        """Levels, and when they were so."""
        self._keys: dict[tuple[str, str], _Key] = {}
        self._equal: dict[tuple[str, bytes], dict[str, str]] = {}
        """Generations that run with their gateways, by principal and digest of the request."""
        self._settled: dict[str, int] = {}
        """The number of the newest batch of each gateway."""

    async def begin(self, attempt: StartAttempt, keep: float) -> StartDecision:
        """Decide on a start; its key stands for it for `keep` seconds."""
        now, principal, claim, sizes = self._clock.now(), attempt.principal, attempt.claim, attempt.sizes
        if claim is not None and (known := self._find_key(principal, claim.key)) is not None:
            if known.fingerprint != claim.fingerprint:
                return StartDecision("conflict")
            if known.generation_id != attempt.former:
                return StartDecision("known", known.generation_id, now - known.claimed)
        equal = self._equal.get((principal, attempt.digest), {})
        if not attempt.is_new and any(replica != attempt.replica for replica in equal.values()):
            return StartDecision("equal", equal=dict(equal))
        levels = self._levels(principal, sizes.requests, sizes.tokens)
        if any(level is not None and level < 1 - EPSILON for level in levels):
            return StartDecision("limited", levels=levels)
        self._spend(principal, "requests", sizes.requests, 1)
        if claim is not None:
            self._keys[principal, claim.key] = _Key(attempt.generation_id, claim.fingerprint, now, now + keep)
        if attempt.digest:
            self._equal.setdefault((principal, attempt.digest), {})[attempt.generation_id] = attempt.replica
        return StartDecision("admitted", levels=self._levels(principal, sizes.requests, sizes.tokens))

    async def settle(self, batch: SettlementBatch) -> None:
        """Record what follows from starts. A key that stands for another generation by now is left alone."""
        is_new = batch.number > self._settled.get(batch.replica, 0)
        self._settled[batch.replica] = batch.number
        for settlement in batch.settlements:
            principal, sizes = settlement.principal, settlement.sizes
            if is_new:
                self._spend(principal, "requests", sizes.requests, settlement.requests)
                self._spend(principal, "tokens", sizes.tokens, settlement.tokens)
            self._equal.get((principal, settlement.digest), {}).pop(settlement.generation_id, None)
            if settlement.key is None or settlement.keep is None:
                continue
            known = self._find_key(principal, settlement.key)
            if known is not None and known.generation_id == settlement.generation_id:
                known.expires = self._clock.now() + settlement.keep

    async def merge(self, uses: Sequence[LocalUse], keep: float) -> None:
        """Add what was decided without the store: buckets hold at most those levels, and keys that are new stand."""
        now = self._clock.now()
        for use in uses:
            levels = self._levels(use.principal, use.sizes.requests, use.sizes.tokens)
            for unit, size, shared, local in zip(("requests", "tokens"), use.sizes, levels, use.levels, strict=True):
                if shared is not None and local is not None:
                    self._spend(use.principal, unit, size, max(0.0, shared - local))
            for claim, generation_id in use.claims:
                if self._find_key(use.principal, claim.key) is None:
                    self._keys[use.principal, claim.key] = _Key(generation_id, claim.fingerprint, now, now + keep)

    def _find_key(self, principal: str, key: str) -> _Key | None:
        known = self._keys.get((principal, key))
        if known is not None and known.expires <= self._clock.now():
            del self._keys[principal, key]
            return None
        return known

    def _levels(self, principal: str, requests: BucketSize | None, tokens: BucketSize | None) -> Levels:
        return Levels(self._level(principal, "requests", requests), self._level(principal, "tokens", tokens))

    def _level(self, principal: str, unit: str, size: BucketSize | None) -> float | None:
        if size is None:
            return None
        level, at = self._buckets.get((principal, unit), (size.burst, 0.0))
        return min(size.burst, level + (self._clock.now() - at) * size.per_minute / 60)

    def _spend(self, principal: str, unit: str, size: BucketSize | None, amount: float) -> None:
        level = self._level(principal, unit, size)
        if size is not None and level is not None and amount:
            self._buckets[principal, unit] = (min(size.burst, level - amount), self._clock.now())
