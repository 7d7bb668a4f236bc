"""The last hour in steps of ten seconds, as the console charts it. Pure.

Memory is bounded: 360 buckets, each with two histograms of about 30 counts and a count for each code of the protocol:
1.6 MB at most, when every bucket has all of them.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

BUCKET_SECONDS: Final = 10
BUCKETS: Final = 360
"""Number of buckets that are kept: one hour."""

BOUNDS_MS: Final[Sequence[float]] = tuple(step * 10**power for power in range(5) for step in (1, 1.5, 2, 3, 5, 7))
"""Upper bounds of the counts in a histogram of times, 1 ms to 70 s; one more count is for what is longer."""


@dataclass(slots=True)
class Bucket:
    """What happened in ten seconds; `at` is their beginning, in seconds since 1970.

    `unpriced` counts ends of unknown cost. `ttft` and `gaps` count times to the first content and between chunks, by
    bounds; they are empty without any.
    """

    at: int
    complete: int = 0
    interrupted: int = 0
    error: int = 0
    codes: dict[str, int] = field(default_factory=dict)
    ttft: list[int] = field(default_factory=list)
    gaps: list[int] = field(default_factory=list)
    output_tokens: float = 0.0
    cost_usd: float = 0.0
    unpriced: int = 0
    saved_tokens: int = 0
    saved_usd: float = 0.0


class Output(NamedTuple):
    """Tokens that came evenly between two times, in seconds since 1970, as far as is known."""

    tokens: float
    begin: float
    end: float


class EndFacts(NamedTuple):
    """What the charts need of a generation that has ended. `at` is its end, in seconds since 1970."""

    at: float
    end: str
    """`complete`, `interrupted` or `error`."""
    code: str | None
    ttft_ms: float | None
    cost_usd: float | None
    output: Output | None


@dataclass(frozen=True, slots=True)
class Totals:
    """What is counted since the start of the process; the history keeps what was added between two samples."""

    gaps: Sequence[int] = ()
    saved_tokens: int = 0
    saved_usd: float = 0.0


class History:
    """The buckets of the last hour. Those in which nothing happened are missing."""

    def __init__(self) -> None:
        self._buckets: dict[int, Bucket] = {}
        self._totals = Totals()

    def record_end(self, facts: EndFacts) -> None:
        """Count a generation that has ended. Its tokens count for the time in which they came."""
        bucket = self._bucket(facts.at)
        match facts.end:
            case "complete":
                bucket.complete += 1
            case "interrupted":
                bucket.interrupted += 1
            case _:
                bucket.error += 1
        if facts.code is not None:
            bucket.codes[facts.code] = bucket.codes.get(facts.code, 0) + 1
        if facts.ttft_ms is not None:
            if not bucket.ttft:
                bucket.ttft = [0] * (len(BOUNDS_MS) + 1)
            bucket.ttft[bisect_left(BOUNDS_MS, facts.ttft_ms)] += 1
        if facts.cost_usd is None:
            bucket.unpriced += 1
        else:
            bucket.cost_usd += facts.cost_usd
        if facts.output is not None:
            for at, tokens in spread(facts.output):
                (bucket if at == bucket.at else self._bucket(at)).output_tokens += tokens

    def sample(self, at: float, totals: Totals) -> None:
        """Add what was counted since the last sample to the bucket of a time."""
        before, self._totals = self._totals, totals
        gaps = [now - was for now, was in zip(totals.gaps, before.gaps or [0] * len(totals.gaps), strict=True)]
        tokens, usd = totals.saved_tokens - before.saved_tokens, totals.saved_usd - before.saved_usd
        if not (any(gaps) or tokens or usd):
            return
        bucket = self._bucket(at)
        bucket.gaps = _sum(bucket.gaps, gaps)
        bucket.saved_tokens += tokens
        bucket.saved_usd += usd

    def since(self, after: float, now: float, running: Iterable[Output] = ()) -> list[Bucket]:
        """Return the buckets of the last hour that end after a time, oldest first, with the tokens of what runs."""
        added: dict[int, float] = {}
        for output in running:
            for at, tokens in spread(output):
                added[at] = added.get(at, 0.0) + tokens
        first = max(after, now - BUCKETS * BUCKET_SECONDS) - BUCKET_SECONDS
        found = {at: bucket for at, bucket in self._buckets.items() if at > first}
        for at, tokens in added.items():
            if at > first:
                found[at] = merge([*filter(None, [found.get(at)]), Bucket(at, output_tokens=tokens)])[0]
        return [found[at] for at in sorted(found)]

    def _bucket(self, time: float) -> Bucket:
        at = _beginning(time)
        bucket = self._buckets.get(at)
        if bucket is None:
            bucket = self._buckets[at] = Bucket(at)
            self._drop_old()
        return bucket

    def _drop_old(self) -> None:
        while len(self._buckets) > BUCKETS:
            del self._buckets[min(self._buckets)]


def spread(output: Output) -> list[tuple[int, float]]:
    """Return the tokens of an output by bucket, as pairs of the bucket's beginning and its tokens."""
    last = _beginning(output.end)
    if output.begin >= last:
        # Most answers.
        return [(last, output.tokens)]
    begin, end = max(output.begin, output.end - BUCKETS * BUCKET_SECONDS), output.end
    rate = output.tokens / (end - begin)
    return [
        (at, rate * (min(end, at + BUCKET_SECONDS) - max(begin, at)))
        for at in range(_beginning(begin), last + 1, BUCKET_SECONDS)
        if min(end, at + BUCKET_SECONDS) > max(begin, at)
    ]


def merge(buckets: Iterable[Bucket]) -> list[Bucket]:
    """Return the sums of buckets, as of several gateways, with one for each time, oldest first."""
    sums: dict[int, Bucket] = {}
    for bucket in buckets:
        total = sums.setdefault(bucket.at, Bucket(bucket.at))
        total.complete += bucket.complete
        total.interrupted += bucket.interrupted
        total.error += bucket.error
        for code, count in bucket.codes.items():
            total.codes[code] = total.codes.get(code, 0) + count
        total.ttft, total.gaps = _sum(total.ttft, bucket.ttft), _sum(total.gaps, bucket.gaps)
        total.output_tokens += bucket.output_tokens
        total.cost_usd += bucket.cost_usd
        total.unpriced += bucket.unpriced
        total.saved_tokens += bucket.saved_tokens
        total.saved_usd += bucket.saved_usd
    return [sums[at] for at in sorted(sums)]


def _beginning(time: float) -> int:
    return int(time // BUCKET_SECONDS) * BUCKET_SECONDS


def _sum(left: Sequence[int], right: Sequence[int]) -> list[int]:
    """Add histograms; an empty one has no counts."""
    if not (left and right):
        return [*(left or right)]
    return [one + other for one, other in zip(left, right, strict=True)]
