"""The hub owns all generations of the process: it starts them, passes commands to them, and retains them."""

import asyncio
import hashlib
import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Final, NamedTuple

from gateway.admission.prompts import PromptMemory, PromptReservation
from gateway.admission.rate_limits import Allowance, RateLimits
from gateway.admission.slots import Slots
from gateway.billing.budgets import BudgetCharge, Budgets
from gateway.clock import Clock, RestartableTimer, time_limit
from gateway.dialects.sent_request import SentRequest
from gateway.generation.generation import Generation
from gateway.generation.state import State
from gateway.pipeline.admission import Admission
from gateway.pipeline.departures import Departures
from gateway.pipeline.disconnects import Disconnects
from gateway.pipeline.handover import Handover
from gateway.pipeline.mirrors import Mirrors
from gateway.pipeline.pipeline import Pipeline
from gateway.pipeline.records import IdempotencyKey, Record, Records, check_command, may_read
from gateway.pipeline.resends import OnResend, Resends
from gateway.pipeline.statistics import Statistics, target_figures
from gateway.protocol.commands import FeedbackRequest, InterruptRequest, OnDisconnect, StartRequest
from gateway.protocol.errors import Code, Refused, lost, out_of_scope
from gateway.routing.model import Model
from gateway.routing.registry import ModelRegistry
from gateway.security.principals import Principal
from gateway.upstreams.base import DEFAULT_OUTPUT_BYTES, VerbatimRequest


@dataclass(frozen=True, slots=True)
class RetentionPolicy:
    """How generations are kept, by the settings of these names: times in seconds, sizes in bytes."""

    on_disconnect: OnDisconnect = "grace"
    on_resend: OnResend = "attach"
    grace: float = 60.0
    retention: float = 300.0
    max_retained: int = 10_000
    max_retained_bytes: int = 256 << 20
    max_output_bytes: int = DEFAULT_OUTPUT_BYTES


POSITIONS_SECONDS: Final = 0.1
"""Delay after which changed positions in a long queue are reported, together."""

LAST_READ_SECONDS: Final = 5.0
"""Time in which viewers may read how their generations have ended, when the gateway shuts down.

Those that poll are not connected at every moment.
"""


class InterruptResult(NamedTuple):
    """What an interrupt did; `stopped` False if the generation was stopping or stopped already."""

    generation: Generation
    stopped: bool


class FeedbackResult(NamedTuple):
    """A feedback that was recorded, and its generation."""

    generation: Generation
    feedback_id: str


class _Admitted(NamedTuple):
    generation: Generation
    pipeline: Pipeline
    budget_charge: BudgetCharge
    reservation: PromptReservation


def new_id(prefix: str) -> str:
    """Return an id that can't be guessed: 128 random bits, base64url."""
    return f"{prefix}_{secrets.token_urlsafe(16)}"


class Hub:
    """All generations of this process."""

    def __init__(
        self,
        models: ModelRegistry,
        slots: Slots,
        clock: Clock,
        *,
        rate_limits: RateLimits | None = None,
        budgets: Budgets | None = None,
        prompts: PromptMemory | None = None,
        retention_policy: RetentionPolicy | None = None,
        new_id: Callable[[str], str] = new_id,
    ) -> None:
        self.models = models
        self.slots = slots
        self.clock = clock
        self.prompts = prompts or PromptMemory()
        """The memory of prompts. Requests that are being received count here, too."""
        self.statistics = Statistics()
        self.mirrors = Mirrors()
        """Generations of other gateways that are read here."""
        self.budgets = budgets or Budgets()
        self.departures = Departures(clock)
        """The clients that are sent to other gateways, where there are some, when this one drains."""
        self.draining = False
        self.rate_limits = rate_limits or RateLimits(0, 0)
        self._policy = retention_policy or RetentionPolicy()
        self.new_id = new_id
        self._records = Records(self._policy.max_retained, self._policy.max_retained_bytes)
        self._resends = Resends()
        self._positions_timer = RestartableTimer(clock)
        slots.on_stale = lambda: self._positions_timer.start(POSITIONS_SECONDS, slots.renumber)
        self._disconnects = Disconnects(clock, self._policy.grace, self.departures)
        self.handover = Handover(
            self,
            records=self._records,
            mirrors=self.mirrors,
            disconnects=self._disconnects,
            budgets=self.budgets,
            prompts=self.prompts,
            clock=clock,
        )
        """Moves generations between this gateway and others."""
        self._idle = asyncio.Event()
        self._idle.set()
        self._viewer_left = asyncio.Event()
        """Set when a viewer leaves while the gateway shuts down."""
        self._on_close: list[Callable[[], None]] = []
        self.queued_elsewhere: Callable[[], int] = int
        """Returns the number of generations of this process that wait in a queue of several gateways."""
        self.on_end: list[Callable[[Record], None]] = []
        """Called with each generation that runs here no longer: it has ended, or was surrendered."""

    @property
    def running(self) -> int:
        """Return the number of generations that have not ended, queued ones included."""
        return self._records.running

    @property
    def viewers(self) -> int:
        """Return the number of viewers of all generations."""
        return sum(record.viewers for record in self._records) + sum(mirror.viewers for mirror in self.mirrors)

    @property
    def retention(self) -> float:
        """Return how long a generation is kept at least once it has ended, in seconds."""
        return self._policy.retention

    # Starts.

    def start(  # noqa: PLR0913 - options, all passed by name
        self,
        request: StartRequest,
        *,
        request_id: str,
        principal: Principal,
        idempotency_key: str | None = None,
        verbatim: VerbatimRequest | None = None,
        sent: SentRequest | None = None,
        retention: float = 0.0,
        with_defaults: bool = True,
        admission: Admission | None = None,
    ) -> Generation:
        """Start a generation, or return the one that the idempotency key, or the same request, started before.

        `verbatim` is the request as the client sent it, if it speaks the API of a provider, and `sent` its digest.
        `retention` is how long the generation is kept at least once it has ended, in seconds. `with_defaults`: what the
        model adds to a start (`Model.defaults`) is added. A repeated request is recognised by what its client sent.
        `admission` is what gateways that share their limits have granted it; without one, the limits of this process
        are applied.

        Raises:
            Refused: shutting down, unknown model, rate limit, budget, full queue, no memory for the prompt, a key that
                was used for another request, or a principal whose ticket is for one generation.
        """
        try:
            started, key, fingerprint = self._look_up(request, principal, idempotency_key, sent, admission)
            if started is not None:
                return started
            self._check_open()
            admitted = self._admit(request, request_id, principal, verbatim, admission, with_defaults=with_defaults)
        except Refused as refused:
            self.on_refused(refused, principal, sent)
            raise
        on_disconnect = request.options.on_disconnect or self._policy.on_disconnect
        timer = RestartableTimer(self.clock)
        generation, pipeline, budget_charge, reservation = admitted
        kept = max(self._policy.retention, retention)
        record = Record(
            generation, pipeline, on_disconnect, key, fingerprint, principal, budget_charge, reservation, timer, kept
        )
        self._records.add(record)
        if sent is not None and self._policy.on_resend != "ignore":
            self._resends.add(record, sent)
        self.statistics.started += 1
        self.launch(record, pipeline)
        if request.options.on_disconnect in {"grace", "cancel"}:
            # Its client names a policy, so it means to read: if it never comes, its generation is not kept for it.
            self._disconnects.expect_viewer(record)
        self._disconnects.make_way()
        return generation

    def launch(self, record: Record, pipeline: Pipeline) -> None:
        """Run the pipeline of a record in a task of its own."""
        self._idle.clear()
        record.task = asyncio.create_task(pipeline.run(), name=record.generation.id)
        record.task.add_done_callback(partial(self._on_task_done, record))

    def check_start(
        self,
        request: StartRequest,
        *,
        principal: Principal,
        idempotency_key: str | None = None,
        sent: SentRequest | None = None,
    ) -> Generation | None:
        """Return the generation of this gateway that `start` would return without starting one.

        Raises:
            Refused: what can be said before limits are applied: shutting down, unknown model, a key that was used for
                another request, or a principal whose ticket is for one generation.
        """
        started, _, _ = self._look_up(request, principal, idempotency_key, sent)
        if started is None:
            self._check_open()
            self.models_for(principal).resolve(request.model)
        return started

    def on_refused(self, refused: Refused, principal: Principal, sent: SentRequest | None) -> None:
        """Record that a start was refused, here or by limits that gateways share."""
        self.statistics.count_refusal(refused)
        if sent is not None:
            self._resends.on_refused(principal.id, sent)
        if refused.code is Code.QUEUE_FULL:
            # Its next attempt finds the places of clients that are gone.
            self._disconnects.make_way(is_full=True)

    def admit_call(self, principal: Principal, *, is_counted: bool = False) -> BudgetCharge:
        """Count a call that is no generation as a start; return what charges it to the principal's budget.

        `is_counted`: gateways that share their limits have counted it already.

        Raises:
            Refused: shutting down, rate limit, budget, or a principal whose ticket is for one generation.
        """
        limits = principal.limits
        try:
            if principal.generation_scope is not None:
                raise out_of_scope()
            self._check_open()
            self.budgets.check(principal.id, self.clock.unix(), limits.budget_per_day)
            if not is_counted:
                self.rate_limits.consume(principal.id, self.clock.now(), limits)
        except Refused as refused:
            self.statistics.count_refusal(refused)
            raise
        return BudgetCharge(self.budgets, principal.id, limits.budget_per_day)

    def _check_open(self) -> None:
        if self.draining:
            message = "The gateway is shutting down: start again on another gateway, or later."
            raise Refused(Code.SHUTTING_DOWN, message, retry_after_ms=1000)

    def _look_up(
        self,
        request: StartRequest,
        principal: Principal,
        idempotency_key: str | None,
        sent: SentRequest | None,
        admission: Admission | None = None,
    ) -> tuple[Generation | None, IdempotencyKey | None, bytes]:
        """Return what a request started before, its key, and the hash that stands for the request."""
        if principal.generation_scope is not None:
            raise out_of_scope()
        key = (principal.id, idempotency_key) if idempotency_key is not None else None
        digest = b"" if key is None else fingerprint(request, sent)
        return self._started_before(key, digest, principal, sent, is_new=admission is not None), key, digest

    def _started_before(
        self,
        key: IdempotencyKey | None,
        fingerprint: bytes,
        principal: Principal,
        sent: SentRequest | None,
        *,
        is_new: bool,
    ) -> Generation | None:
        """Return the generation that a request started when it was sent before; None if it is a new one.

        With `on_resend` of `cancel`, the one that still runs is stopped. `is_new`: its key is known to be new.
        """
        if key is not None:
            if is_new:
                return None
            record = self._records.started_with(key, fingerprint)
            return None if record is None else record.generation
        record = None if sent is None else self._resends.find(principal.id, sent)
        if record is None:
            return None
        if self._policy.on_resend == "cancel":
            record.pipeline.interrupt("client", "the client sent the request again", self.clock.now())
            return None
        return record.generation

    def _admit(
        self,
        request: StartRequest,
        request_id: str,
        principal: Principal,
        verbatim: VerbatimRequest | None,
        admission: Admission | None,
        *,
        with_defaults: bool,
    ) -> _Admitted:
        model = self.resolve_model(request.model, principal)
        limits, now = principal.limits, self.clock.now()
        self.budgets.check(principal.id, self.clock.unix(), limits.budget_per_day)
        if admission is None:
            self.rate_limits.consume(principal.id, now, limits)
        reservation = self.prompts.reserve(principal.id, principal.address)
        try:
            created = int(self.clock.unix())
            whole = model.defaults.apply(request) if with_defaults else request
            generation = Generation(
                *(
                    self.new_id("g") if admission is None else admission.generation_id,
                    whole,
                    request_id,
                    model.name,
                    now,
                    self._policy.max_output_bytes,
                ),
                verbatim=verbatim,
                created=created,
                leading_messages=len(whole.messages) - len(request.messages),
            )
            reservation.grow(generation.request_size)
            budget_charge = BudgetCharge(self.budgets, principal.id, limits.budget_per_day)
            limited = budget_charge if budget_charge.is_limited else None
            slots = self.slots if admission is None else admission.slots
            pipeline = Pipeline(generation, model, slots, self.clock, principal, limited)
        except Refused:
            # The request was not served: it does not count.
            reservation.release()
            if admission is None:
                self.rate_limits.refund(principal.id, now, limits)
            raise
        return _Admitted(generation, pipeline, budget_charge, reservation)

    def reload(self, models: ModelRegistry) -> list[asyncio.Task[None]]:
        """Serve other models from now on; return the tasks that still call the former ones."""
        self.models = models
        return [record.task for record in self._records if record.task is not None]

    def resolve_model(self, name: str | None, principal: Principal) -> Model:
        """Return a model that a principal may use; None is the default model.

        Raises:
            Refused: `model_not_found`.
        """
        return self.models_for(principal).resolve(name)

    def models_for(self, principal: Principal) -> ModelRegistry:
        """Return the models that a principal may use."""
        return self.models if principal.models is None else self.models.only(principal.models)

    def allowance(self, principal: Principal) -> Allowance | None:
        """Return what is left of a principal's rate limit; None without a limit."""
        return self.rate_limits.allowance(principal.id, self.clock.now(), principal.limits)

    def hold(self, generation_id: str, size: int) -> None:
        """Count bytes of a request that are kept beside its generation as memory of its prompt, until that ends.

        They are kept already, so nothing is refused here: the next starts are.
        """
        record = self._records.get(generation_id)
        if record is not None and record.task is not None:
            record.held_bytes += size
            record.reservation.resize(record.generation.request_size + record.held_bytes)

    # Commands.

    def find(self, generation_id: str, principal: Principal) -> Generation:
        """Return a generation that runs or is retained, and that the principal may read.

        Raises:
            Refused: `generation_lost`, also for a generation of another principal: ids can't be probed.
        """
        mirror = self.mirrors.get(generation_id)
        if mirror is not None:
            if not may_read(principal, mirror):
                raise lost(generation_id)
            return mirror.generation
        return self._records.find(generation_id, principal).generation

    def record(self, generation_id: str) -> Record | None:
        """Return the record of a generation of this gateway, without any check; None if it is unknown."""
        return self._records.get(generation_id)

    def add_alias(self, generation_id: str, alias: str, principal: Principal) -> str | None:
        """Name a generation by an id that its client has chosen; return the id of that which had the name before.

        None if there was none, or if this one has been given the name before.

        An alias names the newest generation that was given it, until that is dropped. It is the principal's own. A
        second time does nothing, also if it names another generation by now.

        Raises:
            Refused: `generation_lost` or `forbidden`.
        """
        self._records.find_for_command(generation_id, principal)
        return self._records.add_alias(generation_id, (principal.id, alias))

    def find_by_alias(self, alias: str, principal: Principal) -> Generation | None:
        """Return the generation that an alias of the principal names; None without one that it may read."""
        record = self._records.find_by_alias((principal.id, alias))
        try:
            return None if record is None else self.find(record.generation.id, principal)
        except Refused:
            # Its ticket is for another generation.
            return None

    def is_running(self, generation_id: str) -> bool:
        """Return True if a generation of this id, of whomever, has not ended."""
        record = self._records.get(generation_id)
        return record is not None and record.generation.end is None

    def running_for(self, principal: Principal) -> list[Generation]:
        """Return the generations that the principal may read and that have not ended, newest first."""
        return self._records.running_for(principal)

    def find_for_command(self, generation_id: str, principal: Principal) -> Generation:
        """Return a generation that the principal may interrupt and give feedback to.

        Raises:
            Refused: `generation_lost` or `forbidden`.
        """
        if (mirror := self.mirrors.get(generation_id)) is not None:
            check_command(principal, mirror)
            return mirror.generation
        return self._records.find_for_command(generation_id, principal).generation

    def interrupt(
        self, generation_id: str, request: InterruptRequest, read_at: float, principal: Principal
    ) -> InterruptResult:
        """Stop a generation; a second time does nothing.

        Raises:
            Refused: `generation_lost`, `forbidden`, or `already_over` if it ended in another way.
        """
        if self.mirrors.get(generation_id) is not None:
            # It has ended: one that runs elsewhere is interrupted there.
            generation = self.find_for_command(generation_id, principal)
            return InterruptResult(generation, generation.interrupt("client", request.reason, read_at))
        record = self._records.find_for_command(generation_id, principal)
        stopped = record.pipeline.interrupt("client", request.reason, read_at)
        return InterruptResult(record.generation, stopped)

    def can_interrupt(self, generation_id: str, principal: Principal) -> bool:
        """Return True if an interrupt of this principal would stop the generation now."""
        try:
            state = self.find_for_command(generation_id, principal).state
        except Refused:
            return False
        return not state.is_terminal and state is not State.STOPPING

    def feedback(
        self,
        generation_id: str,
        request: FeedbackRequest,
        read_at: float,
        principal: Principal,
        feedback_id: str | None = None,
    ) -> FeedbackResult:
        """Record feedback; with the id of one that is recorded already, do nothing.

        Raises:
            Refused: `generation_lost`, `forbidden`, `already_over`, too much feedback, or no memory for a longer
                prompt.
        """
        record = self._records.find_for_command(generation_id, principal)
        feedback_id = feedback_id or self.new_id("f")
        if any(note.feedback_id == feedback_id for note in record.generation.notes):
            return FeedbackResult(record.generation, feedback_id)
        if request.mode == "revise":
            # The messages grow by the answer so far and the text.
            record.reservation.check(record.generation.size + len((request.text or "").encode()))
        record.pipeline.feedback(feedback_id, request, read_at)
        if self._records.is_retained(generation_id):
            # The note has made a finished generation larger, perhaps too large to be retained.
            self._records.retain(record.generation)
        else:
            record.reservation.resize(record.generation.request_size + record.held_bytes)
        return FeedbackResult(record.generation, feedback_id)

    def delete(self, generation_id: str, principal: Principal) -> None:
        """Drop a generation; one that runs is stopped first.

        Raises:
            Refused: `generation_lost` or `forbidden`.
        """
        record = self._records.find_for_command(generation_id, principal)
        record.retention = 0
        if self._records.is_retained(generation_id):
            self._records.forget(generation_id)
        elif not record.generation.state.is_terminal:
            record.pipeline.interrupt("client", "deleted", self.clock.now())

    def on_forget(self, callback: Callable[[str], None]) -> None:
        """Call `callback`, beside those before it, with the id of each finished generation that is dropped."""
        self._records.on_forget.append(callback)

    def on_close(self, callback: Callable[[], None]) -> None:
        """Call `callback`, after those before it, once all generations have ended and no viewer is awaited any more."""
        self._on_close.append(callback)

    # Viewers.

    def is_viewed(self, generation_id: str) -> bool:
        """Return True if a generation has viewers now."""
        viewed = self.mirrors.get(generation_id) or self._records.get(generation_id)
        return viewed is not None and viewed.viewers > 0

    def add_viewer(self, generation_id: str) -> None:
        """Count a viewer of a generation that `find` or `start` has returned; `remove_viewer` must follow once.

        Raises:
            Refused: `generation_lost`: it is no longer retained.
        """
        if (mirror := self.mirrors.get(generation_id)) is not None:
            self.mirrors.add_viewer(mirror)
            return
        record = self._records.get(generation_id)
        if record is None:
            raise lost(generation_id)
        self._disconnects.add_viewer(record)

    def remove_viewer(self, generation_id: str) -> None:
        """Count a viewer as gone; after the last one of a running generation, its disconnect policy applies."""
        if (mirror := self.mirrors.get(generation_id)) is not None:
            self.mirrors.remove_viewer(mirror)
        elif (record := self._records.get(generation_id)) is not None:
            self._disconnects.remove_viewer(record)
        if self.draining:
            self._viewer_left.set()

    # Ends.

    def _on_task_done(self, record: Record, _task: asyncio.Task[None]) -> None:
        generation, principal = record.generation, record.principal
        # A task that was cancelled before its first step has not run at all, not even its own `finally`.
        record.pipeline.release()
        record.task = None
        self._disconnects.forget(record)
        self._resends.forget(record)
        for callback in self.on_end:
            callback(record)
        if record.is_surrendered:
            record.reservation.release()
            self._set_idle()
            return
        generation.log.compact()
        generation.forget_prompt()
        record.reservation.release()
        tokens, cost = generation.usage().output_tokens or 0, generation.charged()
        self.rate_limits.record_output(principal.id, tokens, self.clock.now(), principal.limits)
        record.budget_charge.charge_to_date(cost, self.clock.unix())
        self.statistics.count_end(generation, cost)
        record.timer.start(record.retention, partial(self._records.forget, generation.id))
        self._records.retain(generation)
        self._set_idle()

    def _set_idle(self) -> None:
        if not self.running:
            self._idle.set()

    async def drain(self, seconds: float) -> None:
        """Refuse new starts, wait up to `seconds` for what runs, then end the rest with `shutting_down`.

        Clients that come back to another gateway are only sent there (`departures`); the others may read to the end.
        """
        deadline = self.clock.now() + seconds
        try:
            await self.wait_until_idle(seconds)
            await self._end_all()
            last_read = max(LAST_READ_SECONDS, deadline - self.clock.now() if self.departures.has_begun else 0)
            with suppress(TimeoutError):
                async with time_limit(last_read, self.clock):
                    await (self._wait_for_departures() if self.departures.has_begun else self._wait_for_viewers())
        finally:
            await self.close()

    async def wait_until_idle(self, seconds: float) -> None:
        """Refuse new starts, and wait up to `seconds` for what runs."""
        self.draining = True
        timer = self.clock.call_later(seconds, self._idle.set)
        try:
            await self._idle.wait()
        finally:
            timer.cancel()

    async def _wait_for_departures(self) -> None:
        departed = asyncio.Event()
        self.departures.on_empty(departed.set)
        await departed.wait()
        # Viewers of records that are left are other gateways: they read the end from the store.
        while any(mirror.viewers for mirror in self.mirrors):
            self._viewer_left.clear()
            await self._viewer_left.wait()

    async def _wait_for_viewers(self) -> None:
        """Wait until the last viewer has left. Those that leave together are counted once: there may be thousands."""
        while self.viewers:
            self._viewer_left.clear()
            await self._viewer_left.wait()

    async def close(self) -> None:
        """End everything now."""
        self.draining = True
        await self._end_all()
        self._positions_timer.cancel()
        self._disconnects.close()
        self.departures.close()
        for record in self._records:
            record.timer.cancel()
        for callback in self._on_close:
            callback()

    async def _end_all(self) -> None:
        tasks = [record.task for record in self._records if record.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def stats(self) -> dict[str, object]:
        """Return the figures of `GET /api/stats`."""
        statistics = self.statistics
        return {
            "running": self.running,
            "active": self.slots.running,
            "queued": self.slots.queued + self.queued_elsewhere(),
            "viewers": self.viewers,
            "held": len(self._records),
            "max_concurrent": self.slots.max_concurrent,
            "max_queue": self.slots.max_queue,
            "started": statistics.started,
            "complete": statistics.complete,
            "interrupted": statistics.interrupted,
            "error": statistics.error,
            "cost_usd": round(statistics.cost_usd, 6),
            "saved_by_interrupts": statistics.savings.stats(),
            "upstreams": target_figures(self.models, self.clock.now()),
            "refused": dict(statistics.refused),
            "draining": self.draining,
        }


def fingerprint(request: StartRequest, sent: SentRequest | None) -> bytes:
    """Return a hash of a request, by which one that reuses its idempotency key is compared."""
    return sent.digest if sent is not None else hashlib.sha256(request.model_dump_json().encode()).digest()
