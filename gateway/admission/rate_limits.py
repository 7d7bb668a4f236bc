"""Token buckets: how often, and how much, each principal may ask. Pure.

Our own and not a library's, because a bucket here must go below zero (output tokens are counted after they were
generated), tell to the millisecond when it refills, and be moved by hand in tests; it is one number and one time, which
a store shared by several gateways can hold just as well.
"""

from dataclasses import dataclass

from gateway.admission.limits import NO_PRINCIPAL_LIMITS, PrincipalLimits
from gateway.protocol.errors import Code, Refused

EPSILON = 1e-6
"""What adding fractions may have lost of a whole request."""

SWEEP_AT = 1024
"""Buckets held before those that are full again, and so say nothing, are forgotten."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left of a limit. `remaining` whole requests; the bucket is full again in `reset` seconds."""

    limit: int
    burst: int
    remaining: int
    reset: float

    def headers(self) -> dict[str, str]:
        """Say it in headers: the IETF draft's (draft-ietf-httpapi-ratelimit-headers) and the customary ones."""
        reset = str(-(-round(self.reset * 1000) // 1000))
        return {
            "RateLimit-Policy": f'"default";q={self.limit};w=60',
            "RateLimit": f'"default";r={self.remaining};t={reset}',
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Reset": reset,
        }


@dataclass(slots=True)
class _Bucket:
    level: float
    at: float


class Buckets:
    """One bucket for each principal: `per_minute` flow in, at most `burst` are in it."""

    def __init__(self, per_minute: float, burst: float) -> None:
        self.per_minute = per_minute
        self.burst = burst
        self._buckets: dict[str, _Bucket] = {}
        self._sweep_at = SWEEP_AT

    def level(self, principal: str, now: float) -> float:
        """Tell how much is in a bucket; below zero when more was spent than was in it."""
        bucket = self._buckets.get(principal)
        if bucket is None:
            return self.burst
        return min(self.burst, bucket.level + (now - bucket.at) * self.per_minute / 60)

    def spend(self, principal: str, amount: float, now: float) -> None:
        """Take out, below zero too."""
        self._buckets[principal] = _Bucket(self.level(principal, now) - amount, now)
        if len(self._buckets) > self._sweep_at:
            full = [name for name in self._buckets if self.level(name, now) >= self.burst]
            for name in full:
                del self._buckets[name]
            self._sweep_at = max(SWEEP_AT, 2 * len(self._buckets))

    def forget(self, principal: str) -> None:
        """Forget a bucket: a later one of the same name is full."""
        self._buckets.pop(principal, None)

    def wait(self, principal: str, amount: float, now: float) -> float:
        """Tell in how many seconds so much will be in a bucket; 0 if it is."""
        missing = amount - self.level(principal, now)
        return missing * 60 / self.per_minute if missing > EPSILON else 0.0


class RateLimits:
    """Requests and output tokens of each principal; 0 a minute means no limit.

    A principal's own limits win; who has the same ones as others still has buckets of its own.
    """

    def __init__(self, requests_per_minute: int, burst: int, output_tokens_per_minute: int = 0) -> None:
        self._general = PrincipalLimits(requests_per_minute, burst, output_tokens_per_minute)
        self._buckets: dict[tuple[str, int, int], Buckets] = {}

    def take(self, principal: str, now: float, own: PrincipalLimits = NO_PRINCIPAL_LIMITS) -> None:
        """Count a request.

        Raises:
            Refused: `rate_limit`, with the time after which it will pass; nothing is counted then.
        """
        requests, tokens = self._requests(own), self._tokens(own)
        if tokens is not None and (wait := tokens.wait(principal, 1, now)):
            said = f"More than {tokens.per_minute:g} output tokens a minute were generated for you"
            raise _limited(said, wait)
        if requests is not None:
            if wait := requests.wait(principal, 1, now):
                raise _limited(f"You start more than {requests.per_minute:g} generations a minute", wait)
            requests.spend(principal, 1, now)

    def give_back(self, principal: str, now: float, own: PrincipalLimits = NO_PRINCIPAL_LIMITS) -> None:
        """Count a request as not made."""
        if (requests := self._requests(own)) is not None:
            requests.spend(principal, -1, now)

    def generated(self, principal: str, tokens: int, now: float, own: PrincipalLimits = NO_PRINCIPAL_LIMITS) -> None:
        """Count output tokens, however their generation ended."""
        if (buckets := self._tokens(own)) is not None:
            buckets.spend(principal, tokens, now)

    def allowance(self, principal: str, now: float, own: PrincipalLimits = NO_PRINCIPAL_LIMITS) -> Allowance | None:
        """Tell what is left; None without a limit."""
        buckets = self._requests(own)
        if buckets is None:
            return None
        level = buckets.level(principal, now)
        reset = (buckets.burst - level) * 60 / buckets.per_minute
        return Allowance(int(buckets.per_minute), int(buckets.burst), max(0, int(level + EPSILON)), reset)

    def _requests(self, own: PrincipalLimits) -> Buckets | None:
        per_minute, burst, general = own.rate_limit_per_minute, own.rate_limit_burst, self._general
        if per_minute is None:
            per_minute = general.rate_limit_per_minute
        elif burst is None:
            # Who may start ten in a minute may not start fifty at once because others may.
            burst = min(per_minute, general.rate_limit_burst or per_minute)
        return self._of("requests", per_minute, general.rate_limit_burst if burst is None else burst)

    def _tokens(self, own: PrincipalLimits) -> Buckets | None:
        per_minute = own.output_tokens_per_minute
        per_minute = self._general.output_tokens_per_minute if per_minute is None else per_minute
        return self._of("tokens", per_minute, per_minute)

    def _of(self, what: str, per_minute: int | None, burst: int | None) -> Buckets | None:
        """Give the buckets of one size: there are as many as there are different limits in the configuration."""
        if not per_minute:
            return None
        # One request must fit in.
        size = (what, per_minute, burst or 1)
        if size not in self._buckets:
            self._buckets[size] = Buckets(*size[1:])
        return self._buckets[size]


def _limited(said: str, wait: float) -> Refused:
    milliseconds = max(1, -int(-wait * 1000 // 1))
    return Refused(Code.RATE_LIMIT, f"{said}: try again in {wait:.1f} seconds.", retry_after_ms=milliseconds)
