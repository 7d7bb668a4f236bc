"""The port of what is decided of a start for each principal: its rate buckets and its idempotency keys."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol

from gateway.admission.rate_limits import NO_LEVELS, BucketSizes, Levels


class ClaimedKey(NamedTuple):
    """An idempotency key, and the hash of the request that it stands for."""

    key: str
    fingerprint: bytes


@dataclass(frozen=True, slots=True)
class StartAttempt:
    """A start of a principal, whose generation will have this id.

    `former` is a generation for which the key stands no longer: it has failed in a way that a retry may overcome, or is
    not known to any gateway.
    """

    principal: str
    generation_id: str
    sizes: BucketSizes
    claim: ClaimedKey | None = None
    former: str = ""
    digest: bytes = b""
    """Digest of the request as its client sent it, if equal requests are looked for; then there is no key."""
    replica: str = ""
    """The gateway of the start."""
    is_new: bool = False
    """It is known that no equal request that runs is the same one."""


@dataclass(frozen=True, slots=True)
class StartDecision:
    """Decision on a start.

    `admitted`: it is counted, and its key claimed. `known`: the key stands for `generation_id`, claimed `age` seconds
    ago. `conflict`: the key stands for another request. `limited`: a bucket is empty. `levels` are those afterwards.
    `equal`: an equal request runs on another gateway; nothing is counted. `equal` has the generations, with their
    gateways.
    """

    outcome: Literal["admitted", "known", "conflict", "limited", "equal"]
    generation_id: str = ""
    age: float = 0.0
    levels: Levels = NO_LEVELS
    equal: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Settlement:
    """What follows from a start: tokens to remove from the buckets, negative ones to put back; and its key.

    `keep` is how long its key stands for it from now on, in seconds: 0 makes the key new; None: nothing changes.
    """

    principal: str
    generation_id: str
    sizes: BucketSizes
    requests: float = 0
    tokens: float = 0
    key: str | None = None
    keep: float | None = None
    digest: bytes = b""
    """Digest of its request: it runs no longer."""


class SettlementBatch(NamedTuple):
    """What follows from starts of a gateway, which numbers its batches from 1 and sends one after the other.

    A batch whose reply was lost is sent again: the store changes buckets only for a higher number than before.
    """

    replica: str
    number: int
    settlements: Sequence[Settlement]


@dataclass(frozen=True, slots=True)
class LocalUse:
    """What a gateway has decided alone, while it could not use the store: levels of buckets, and claimed keys."""

    principal: str
    sizes: BucketSizes
    levels: Levels = NO_LEVELS
    claims: Sequence[tuple[ClaimedKey, str]] = ()
    """Keys with the generations that they stand for."""


class StartStore(Protocol):
    """Buckets and keys by principal, on the clock of the store. Every method may raise `StoreError`."""

    async def begin(self, attempt: StartAttempt, keep: float) -> StartDecision:
        """Decide on a start; its key stands for it for `keep` seconds."""
        ...

    async def settle(self, batch: SettlementBatch) -> None:
        """Record what follows from starts. A key that stands for another generation by now is left alone."""
        ...

    async def merge(self, uses: Sequence[LocalUse], keep: float) -> None:
        """Add what was decided without the store: buckets hold at most those levels, and keys that are new stand."""
        ...
