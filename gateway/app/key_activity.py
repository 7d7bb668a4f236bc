"""What keys have been used for today, and when last: counted in this process, and shared by way of the store.

Without a store it is known since the start of the process. With one, it is what all gateways of the deployment have
counted on this day, also those that have ended.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from gateway.app.authentication import find_api_keys
from gateway.billing.daily_use import DailyUse, Use
from gateway.clock import Clock, sleep
from gateway.pipeline.records import Record
from gateway.security.api_keys import StoredKey
from gateway.security.authenticator import Authenticator
from gateway.store.errors import StoreError

if TYPE_CHECKING:
    from gateway.replicas.replica import Replica

SHARE_SECONDS: Final = 30.0
"""How often a gateway records in the store what has changed."""

KEPT_SECONDS: Final = 90 * 86_400.0
"""How long the store keeps when a key was used last."""

AT_ONCE: Final = 500
"""Number of keys that are recorded or read with one exchange."""

MILLION: Final = 1e6
"""The store adds up billionths: requests and tokens are recorded in millions."""


class KeyActivity:
    """The activity of keys. Its owner runs `run` as a task if there is a store, and at the end calls `share`."""

    def __init__(self, authenticator: Authenticator, clock: Clock, replica: "Replica | None") -> None:
        self._authenticator = authenticator
        self._clock = clock
        self._replica = replica
        self._daily_use = DailyUse()
        self._changed: dict[str, None] = {}
        self._recorded: dict[str, float] = {}
        """When keys were used last, as recorded by this gateway."""

    @property
    def is_shared(self) -> bool:
        """Return True if there is a store, in which it is recorded."""
        return self._replica is not None

    def on_end(self, record: Record) -> None:
        """Count a generation that has ended here."""
        if record.principal.source != "key" or record.is_surrendered:
            return
        bill, name = record.generation.bill(), record.principal.id
        use = Use(1, bill.usage.input_tokens or 0, bill.usage.output_tokens or 0, bill.charged)
        self._daily_use.add(name, use, self._clock.unix())
        self._changed[name] = None

    async def run(self) -> None:
        """Record what has changed, until the task is cancelled."""
        while True:
            await sleep(SHARE_SECONDS, self._clock)
            await self.share()

    async def share(self) -> None:
        """Record what has changed; what can't be recorded is recorded with the next call."""
        if self._replica is None:
            return
        with suppress(StoreError):
            await self._share_last_used(self._replica)
            changed, self._changed = self._changed, {}
            try:
                await self._record(self._replica, changed)
            except StoreError:
                self._changed = {**changed, **self._changed}
                raise

    async def use(self, principals: Sequence[str]) -> Mapping[str, Use]:
        """Return what principals have used on this day."""
        if self._replica is not None:
            with suppress(StoreError):
                return await self._record(self._replica, principals)
        unix = self._clock.unix()
        return {name: self._daily_use.of(name, unix) for name in principals}

    async def last_used(self, keys: Sequence[StoredKey]) -> Mapping[str, float]:
        """Return when keys were used last, by their ids; without those of which it is not known."""
        here, ids = self._last_used_here(), [key.id for key in keys]
        found = {key_id: here[key_id] for key_id in ids if key_id in here}
        if self._replica is None:
            return found
        with suppress(StoreError):
            for part in _parts(ids):
                values = await self._replica.store.values.get([_last_used_key(key_id) for key_id in part])
                for key_id, value in zip(part, values, strict=True):
                    if value is not None:
                        found[key_id] = max(found.get(key_id, 0.0), float(value))
        return found

    async def _record(self, replica: "Replica", principals: Iterable[str]) -> dict[str, Use]:
        """Record what principals have used by way of this gateway; return what they have used by way of all."""
        unix = self._clock.unix()
        day = self._daily_use.start_day(unix)
        totals: dict[str, Use] = {}
        for part in _parts([*principals]):
            own = {field: value for name in part for field, value in _fields(name, self._daily_use.of(name, unix))}
            recorded = await replica.store.budgets.record(replica.name, day, own)
            totals |= {name: _from_fields(name, recorded) for name in part}
        return totals

    async def _share_last_used(self, replica: "Replica") -> None:
        here = self._last_used_here()
        changed = [key_id for key_id, unix in here.items() if self._recorded.get(key_id) != unix]
        for part in _parts(changed):
            values = {_last_used_key(key_id): str(here[key_id]).encode() for key_id in part}
            await replica.store.values.set(values, KEPT_SECONDS)
            self._recorded |= {key_id: here[key_id] for key_id in part}
        self._recorded = {key_id: unix for key_id, unix in self._recorded.items() if key_id in here}

    def _last_used_here(self) -> dict[str, float]:
        scheme = find_api_keys(self._authenticator.schemes)
        return {} if scheme is None else {**scheme.last_used}


def _parts(names: Sequence[str]) -> Iterator[Sequence[str]]:
    return (names[start : start + AT_ONCE] for start in range(0, len(names), AT_ONCE))


def _last_used_key(key_id: str) -> str:
    return f"last-used:{key_id}"


_MEASURES: Final = ("requests", "input_tokens", "output_tokens", "cost_usd")


def _fields(principal: str, use: Use) -> list[tuple[str, float]]:
    """Return the sums of a principal by the names that they have in the store, which no principal's id is."""
    counts = (use.requests, use.input_tokens, use.output_tokens)
    values = [*(count / MILLION for count in counts), use.cost_usd]
    return [(f"use:{measure}:{principal}", value) for measure, value in zip(_MEASURES, values, strict=True)]


def _from_fields(principal: str, recorded: Mapping[str, float]) -> Use:
    *counts, cost = (recorded[f"use:{measure}:{principal}"] for measure in _MEASURES)
    requests, input_tokens, output_tokens = (round(count * MILLION) for count in counts)
    return Use(requests, input_tokens, output_tokens, cost)
