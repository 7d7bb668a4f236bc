"""The lease of this gateway: with it, the right to append to the logs of its generations, and to show what it appends.

A gateway that was paused, or whose store was lost, may have been found dead, and its generations taken over. So it
takes them again, each with a new fence, before it goes on; those that it does not get are no longer its own.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from math import inf
from typing import Final

from gateway.clock import Clock, RestartableTimer, time_limit
from gateway.generation.lease import Lease
from gateway.replicas.logs.log_writer import BATCH_LOGS, LogWriter, batches
from gateway.replicas.membership.store_health import StoreHealth
from gateway.replicas.policy import ReplicaPolicy
from gateway.store.base import Store
from gateway.store.errors import StoreError
from gateway.store.members import Membership
from gateway.toml.problems import ConfigurationError

NOT_YET: Final = Membership(was_alive=False, alive={}, dead=frozenset())


class Ownership:
    """Renews the lease. Its owner runs `run`, and calls `close`.

    `info` returns what the other gateways get to know. `on_renewed` is called after each renewal, `on_rejoined` before
    that, once generations were verified: it adopts what the store says is ours.
    """

    def __init__(
        self,
        store: Store,
        replica: str,
        clock: Clock,
        policy: ReplicaPolicy,
        *,
        health: StoreHealth,
        info: Callable[[], bytes],
        on_renewed: Callable[[], None],
        on_rejoined: Callable[[], Awaitable[None]],
    ) -> None:
        self.lease = Lease(now=clock.now, on_lapse=self._on_lapse)
        self.members = NOT_YET
        """Who was alive at the last renewal."""
        self.renewed_at = -inf
        """Time before that renewal was asked for, in seconds of the gateway's clock."""
        self.next_look: float | None = None
        """Time until the next renewal, if it shall be sooner: to look at gateways that may be dead."""
        self.has_connected = asyncio.Event()
        self._store = store
        self._replica = replica
        self._clock = clock
        self.policy = policy
        self.health = health
        self._info = info
        self._on_renewed = on_renewed
        self._on_rejoined = on_rejoined
        self._timer = RestartableTimer(clock)
        self._is_due = asyncio.Event()
        self._is_known = asyncio.Event()
        """A renewal has succeeded or failed."""
        self._trying_since: float | None = None
        self._hold_until: float | None = None
        """Time until which logs are held although the store can't be used, after a pause."""
        self._has_held = False
        """Logs may be held."""

    def attach(self, writer: LogWriter) -> None:
        """Set the logs that the lease is for."""
        self._writer = writer

    async def run(self) -> None:
        """Renew the lease, until the task is cancelled."""
        while True:
            self._timer.start(self._delay(), self.renew_soon)
            await self._is_due.wait()
            self._is_due.clear()
            await self.tick()

    def close(self) -> None:
        """Cancel the timer."""
        self._timer.cancel()

    def is_alive(self, replica: str) -> bool:
        """Return True if a gateway was alive at the last renewal."""
        return replica in self.members.alive

    def renew_soon(self) -> None:
        """Renew the lease now, in the task."""
        self._is_due.set()

    async def confirm(self) -> None:
        """Wait until it is known what is still ours: at once, unless this gateway was paused."""
        if not self.lease.has_lapsed:
            return
        # Once: the task tries again at its own pace while the store fails.
        self.renew_soon()
        with suppress(TimeoutError):
            async with time_limit(2 * self.policy.owner_timeout, self._clock):
                while self.lease.has_lapsed:
                    self._is_known.clear()
                    await self._is_known.wait()

    async def connect(self) -> None:
        """Start the client of the store, once.

        Raises:
            StoreError, ConfigurationError: see `Store.start`.
        """
        if not self.health.is_connected:
            await self._store.start()
            self.health.is_connected = True
            self.has_connected.set()

    async def tick(self) -> None:
        """Renew the lease; after a time without it, find out what is still ours."""
        if self.health.is_up and self.lease.has_lapsed:
            self._begin_hold()
        self._trying_since = self._clock.now()
        try:
            await self.connect()
            self.members = await self._renew()
            if not (self.health.is_up and self.members.was_alive):
                await self._verify()
            self._check_time()
        except StoreError as error:
            self.on_store_error(error)
        except ConfigurationError as error:
            # The store came only after the start of this gateway, and another one will not do better.
            self.on_store_error(StoreError("refused", str(error)))
        else:
            self._on_renewed()
        finally:
            self._trying_since = None
            self._is_known.set()

    def on_store_error(self, error: StoreError) -> None:
        """Go on from memory; after a pause only when the store has not answered for `owner_timeout`.

        A gateway that could ask in time whether its generations are its own has shown nothing that others may refuse
        but what the outage itself costs. One that was paused does not know how long.
        """
        was_up = self.health.is_up
        self.health.on_error(error)
        if was_up:
            self._timer.start(self._delay(), self.renew_soon)
        self._writer.pause()
        tried_in_time = self._trying_since is not None and self._trying_since <= self.lease.expires
        if self.lease.has_lapsed and not tried_in_time and self._clock.now() < self._begin_hold():
            return
        self._hold_until, self.lease.expires = None, inf
        self._release_logs()

    def _begin_hold(self) -> float:
        if self._hold_until is None:
            self._hold_until = self._clock.now() + self.policy.owner_timeout
        return self._hold_until

    def _check_time(self) -> None:
        """Show what was held, if the lease is still valid now that its renewal is known.

        Raises:
            StoreError: each renewal takes longer than the lease lasts.
        """
        if not self.lease.has_lapsed:
            self._hold_until = None
            self._release_logs()
        elif self._clock.now() >= self._begin_hold():
            message = "each renewal of the lease takes longer than it lasts"
            raise StoreError("timeout", message)
        else:
            self.renew_soon()

    def _delay(self) -> float:
        if self.health.is_up and self.next_look is not None:
            return self.next_look
        return self.health.delay(self.policy.interval)

    async def _renew(self) -> Membership:
        now = self._clock.now()
        members = await self._store.members.renew(self._replica, self.policy.lease, self._info())
        if self.health.is_up and members.was_alive:
            self.lease.expires = now + self.policy.lease
        self.renewed_at = now
        return members

    async def _verify(self) -> None:
        """Find out what is still ours, after a time in which others could take it, and write what the store lacks.

        The lease is renewed meanwhile: there may be many.
        """
        lacking, recreated = sum(written.is_dirty for written in self._writer), self._writer.recreated
        for batch in batches(tuple(self._writer), BATCH_LOGS):
            await self._writer.retake(batch)
            await self._writer.find_losses(batch)
            await self._writer.write(batch, verify=True)
            if self._clock.now() - self.renewed_at >= self.policy.interval:
                await self._renew()
        self.lease.expires = self.renewed_at + self.policy.lease
        await self._writer.drop_abandoned()
        await self._on_rejoined()
        self.health.on_success(max(lacking, self._writer.recreated - recreated))
        self._writer.resume()

    def _on_lapse(self) -> None:
        self._has_held = True
        self.renew_soon()

    def _release_logs(self) -> None:
        # There may be thousands, of which nothing is held.
        if self._has_held:
            self._has_held = False
            for written in self._writer:
                written.generation.log.release()
