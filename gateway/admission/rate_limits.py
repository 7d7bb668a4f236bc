"""Rate limits: token buckets for each principal's requests and output tokens. Pure.

No library is used, because a bucket must be able to go below zero (output tokens are counted after they were
generated), report to the millisecond when it refills, and run on a clock that tests control. A bucket is one number and
one time, so a store shared by several gateways could hold it as well.
"""

from dataclasses import dataclass
from typing import Final, NamedTuple

from gateway.admission.limits import NO_PRINCIPAL_LIMITS, PrincipalLimits
from gateway.protocol.errors import Code, Refused

EPSILON = 1e-6
"""Tolerance for rounding errors of adding fractions of a token."""

SWEEP_AT = 1024
"""Number of buckets at which full ones are removed: they hold no information."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """State of a request limit. `remaining` counts whole requests; the bucket is full again in `reset` seconds."""

    limit: int
    burst: int
    remaining: int
    reset: float

    def headers(self) -> dict[str, str]:
        """Return the headers of the IETF draft (draft-ietf-httpapi-ratelimit-headers) and the customary X- headers."""
        reset = str(-(-round(self.reset * 1000) // 1000))
        return {
            "RateLimit-Policy": f'"default";q={self.limit};w=60',
            "RateLimit": f'"default";r={self.remaining};t={reset}',
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Reset": reset,
        }


@dataclass(frozen=True, slots=True)
class BucketSize:
    """A bucket is refilled by `per_minute` tokens a minute, up to `burst`."""

    per_minute: float
    burst: float


class BucketSizes(NamedTuple):
    """Sizes of the buckets of a principal; None: no limit."""

    requests: BucketSize | None = None
    tokens: BucketSize | None = None


class Levels(NamedTuple):
    """What the buckets of a principal hold; None: no limit."""

    requests: float | None = None
    tokens: float | None = None


NO_SIZES: Final = BucketSizes()
"""No limits."""

NO_LEVELS: Final = Levels()
"""No limits."""


@dataclass(slots=True)
class _Bucket:
    level: float
    at: float


class Buckets:
    """A token bucket for each key, refilled by `per_minute` tokens a minute up to `burst`."""

    def __init__(self, per_minute: float, burst: float) -> None:
        self.per_minute = per_minute
        self.burst = burst
        self._buckets: dict[str, _Bucket] = {}
        self._sweep_at = SWEEP_AT

    def level(self, key: str, now: float) -> float:
        """Return the number of tokens in a bucket, which is negative if more were spent than it held."""
        bucket = self._buckets.get(key)
        if bucket is None:
            return self.burst
        return min(self.burst, bucket.level + (now - bucket.at) * self.per_minute / 60)

    def spend(self, key: str, amount: float, now: float) -> None:
        """Remove tokens from a bucket, also below zero. A negative amount puts tokens back."""
        self._buckets[key] = _Bucket(self.level(key, now) - amount, now)
        if len(self._buckets) > self._sweep_at:
            full = [other for other in self._buckets if self.level(other, now) >= self.burst]
            for other in full:
                del self._buckets[other]
            self._sweep_at = max(SWEEP_AT, 2 * len(self._buckets))

    def set_level(self, key: str, level: float, now: float) -> None:
        """Set the number of tokens in a bucket, as it is known from elsewhere."""
        self.spend(key, self.level(key, now) - level, now)

    def forget(self, key: str) -> None:
        """Remove a bucket. The key's next one is full."""
        self._buckets.pop(key, None)

    def wait(self, key: str, amount: float, now: float) -> float:
        """Return the seconds until a bucket holds `amount` tokens; 0 if it does now."""
        missing = amount - self.level(key, now)
        return missing * 60 / self.per_minute if missing > EPSILON else 0.0


class RateLimits:
    """Limits of each principal's requests and output tokens; 0 a minute means no limit.

    A principal's own limits (`own`) replace the general ones.
    """

    def __init__(self, rate_limit_per_minute: int, rate_limit_burst: int, output_tokens_per_minute: int = 0) -> None:
        self._general = PrincipalLimits(rate_limit_per_minute, rate_limit_burst, output_tokens_per_minute)
        self._buckets: dict[tuple[str, int, int], Buckets] = {}
        self._general_buckets = self._requests(NO_PRINCIPAL_LIMITS), self._tokens(NO_PRINCIPAL_LIMITS)

    def consume(self, principal: str, now: float, own: PrincipalLimits = NO_PRINCIPAL_LIMITS) -> None:
        """Count a request.

        Raises:
            Refused: `rate_limit`, with the time until a request will pass. The request is not counted.
        """
        requests, tokens = self._buckets_for(own)
        _check(requests, tokens, principal, now)
        if requests is not None:
            requests.spend(principal, 1, now)

    def check(self, principal: str, now: float, own: PrincipalLimits = NO_PRINCIPAL_LIMITS) -> None:
        """Raise if a request would be refused now; see `consume`."""
        requests, tokens = self._buckets_for(own)
        _check(requests, tokens, principal, now)

    def refund(self, principal: str, now: float, own: PrincipalLimits = NO_PRINCIPAL_LIMITS) -> None:
        """Undo the count of a request."""
        requests, _ = self._buckets_for(own)
        if requests is not None:
            requests.spend(principal, -1, now)

    def record_output(
        self, principal: str, tokens: int, now: float, own: PrincipalLimits = NO_PRINCIPAL_LIMITS
    ) -> None:
        """Count the output tokens of a generation that has ended in any way."""
        _, buckets = self._buckets_for(own)
        if buckets is not None:
            buckets.spend(principal, tokens, now)

    def allowance(self, principal: str, now: float, own: PrincipalLimits = NO_PRINCIPAL_LIMITS) -> Allowance | None:
        """Return what is left of the request limit; None if there is no limit."""
        buckets, _ = self._buckets_for(own)
        if buckets is None:
            return None
        level = buckets.level(principal, now)
        reset = (buckets.burst - level) * 60 / buckets.per_minute
        return Allowance(int(buckets.per_minute), int(buckets.burst), max(0, int(level + EPSILON)), reset)

    def sizes(self, own: PrincipalLimits) -> BucketSizes:
        """Return the sizes of a principal's buckets."""
        requests, tokens = self._buckets_for(own)
        return BucketSizes(_size(requests), _size(tokens))

    def levels(self, principal: str, now: float, own: PrincipalLimits) -> Levels:
        """Return what a principal's buckets hold."""
        requests, tokens = self._buckets_for(own)
        return Levels(
            None if requests is None else requests.level(principal, now),
            None if tokens is None else tokens.level(principal, now),
        )

    def set_levels(self, principal: str, levels: Levels, now: float, own: PrincipalLimits) -> None:
        """Set what a principal's buckets hold, as gateways that share them have found."""
        requests, tokens = self._buckets_for(own)
        if requests is not None and levels.requests is not None:
            requests.set_level(principal, levels.requests, now)
        if tokens is not None and levels.tokens is not None:
            tokens.set_level(principal, levels.tokens, now)

    def _buckets_for(self, own: PrincipalLimits) -> tuple[Buckets | None, Buckets | None]:
        """Return the buckets of requests and of output tokens."""
        if own is NO_PRINCIPAL_LIMITS:
            return self._general_buckets
        return self._requests(own), self._tokens(own)

    def _requests(self, own: PrincipalLimits) -> Buckets | None:
        per_minute, burst, general = own.rate_limit_per_minute, own.rate_limit_burst, self._general
        if per_minute is None:
            per_minute = general.rate_limit_per_minute
        elif burst is None:
            # A principal limited to 10 a minute must not start 50 at once because the general burst is 50.
            burst = min(per_minute, general.rate_limit_burst or per_minute)
        return self._buckets_of("requests", per_minute, general.rate_limit_burst if burst is None else burst)

    def _tokens(self, own: PrincipalLimits) -> Buckets | None:
        per_minute = own.output_tokens_per_minute
        per_minute = self._general.output_tokens_per_minute if per_minute is None else per_minute
        return self._buckets_of("tokens", per_minute, per_minute)

    def _buckets_of(self, unit: str, per_minute: int | None, burst: int | None) -> Buckets | None:
        """Return the buckets of one size. Principals with equal limits share this object, but not a bucket in it."""
        if not per_minute:
            return None
        # A burst of 0 would never allow a request.
        size = (unit, per_minute, burst or 1)
        if size not in self._buckets:
            self._buckets[size] = Buckets(*size[1:])
        return self._buckets[size]


def _check(requests: Buckets | None, tokens: Buckets | None, principal: str, now: float) -> None:
    if tokens is not None and (wait := tokens.wait(principal, 1, now)):
        raise _limited(f"More than {tokens.per_minute:g} output tokens a minute were generated for you", wait)
    if requests is not None and (wait := requests.wait(principal, 1, now)):
        raise _limited(f"You start more than {requests.per_minute:g} generations a minute", wait)


def _size(buckets: Buckets | None) -> BucketSize | None:
    return None if buckets is None else BucketSize(buckets.per_minute, buckets.burst)


def _limited(reason: str, wait: float) -> Refused:
    milliseconds = max(1, -int(-wait * 1000 // 1))
    return Refused(Code.RATE_LIMIT, f"{reason}: try again in {wait:.1f} seconds.", retry_after_ms=milliseconds)
