"""The one place that owns the generations: starts them, finds them, takes commands to them, forgets them."""

import asyncio
import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from gateway.admission.rate_limits import Allowance, RateLimits
from gateway.admission.slots import Slots
from gateway.billing.budgets import BudgetCharge, Budgets
from gateway.billing.savings import Savings
from gateway.clock import Clock, Timer
from gateway.generation.generation import Generation
from gateway.generation.state import State
from gateway.pipeline.pipeline import Pipeline
from gateway.protocol.commands import FeedbackRequest, InterruptRequest, OnDisconnect, StartRequest
from gateway.protocol.errors import Code, Refused, forbidden, invalid, lost, out_of_scope
from gateway.routing.registry import ModelRegistry
from gateway.security.principals import Principal


@dataclass(frozen=True, slots=True)
class RetentionPolicy:
    """How generations are kept: times in seconds, sizes in bytes, `retained` counts finished ones."""

    on_disconnect: OnDisconnect = "grace"
    grace: float = 5.0
    retention: float = 300.0
    retained: int = 10_000
    retained_bytes: int = 256 << 20
    output_limit: int = 2 << 20


@dataclass(eq=False, slots=True)
class Record:
    """A generation, with all that the hub keeps beside it."""

    generation: Generation
    pipeline: Pipeline
    on_disconnect: OnDisconnect
    idempotency: tuple[str, str] | None
    fingerprint: bytes
    principal: Principal
    charge: BudgetCharge
    task: asyncio.Task[None] | None = None
    viewers: int = 0
    timer: Timer | None = None
    """While it runs, the grace after the last viewer left; afterwards, the retention."""

    def cancel_timer(self) -> None:
        """Cancel the timer, if one runs."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None


@dataclass(slots=True)
class Counters:
    """What happened since the start."""

    started: int = 0
    complete: int = 0
    interrupted: int = 0
    error: int = 0
    cost_usd: float = 0.0
    """Of those that are over, as far as it is known."""
    refused: dict[str, int] = field(default_factory=dict)


def new_id(prefix: str) -> str:
    """Make an id that can't be guessed: 128 random bits, base64url."""
    return f"{prefix}_{secrets.token_urlsafe(16)}"


class Hub:
    """All generations of this process."""

    def __init__(
        self,
        models: ModelRegistry,
        slots: Slots,
        clock: Clock,
        *,
        rates: RateLimits | None = None,
        budgets: Budgets | None = None,
        keeping: RetentionPolicy | None = None,
        identify: Callable[[str], str] = new_id,
    ) -> None:
        self.models = models
        self.slots = slots
        self.clock = clock
        self.counters = Counters()
        self.savings = Savings()
        self.draining = False
        self._rates = rates or RateLimits(0, 0)
        self._budgets = budgets or Budgets()
        self._keeping = keeping or RetentionPolicy()
        self._identify = identify
        self._held: dict[str, Record] = {}
        self._finished: OrderedDict[str, int] = OrderedDict()
        self._retained_bytes = 0
        self._by_key: dict[tuple[str, str], str] = {}
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def running(self) -> int:
        """Count the generations that are not over, queued ones included."""
        return len(self._held) - len(self._finished)

    @property
    def viewers(self) -> int:
        """Count the viewers of all generations."""
        return sum(held.viewers for held in self._held.values())

    def start(
        self, request: StartRequest, *, request_id: str, principal: Principal, idempotency_key: str | None = None
    ) -> Generation:
        """Start a generation of this principal's, or find the one that its idempotency key started before.

        Raises:
            Refused: shutting down, unknown model, rate limit, full queue, a key used for another body, or a principal
                that is bound to one generation.
        """
        if principal.generation_scope is not None:
            raise self._refused(out_of_scope())
        key = (principal.id, idempotency_key) if idempotency_key is not None else None
        fingerprint = hashlib.sha256(request.model_dump_json().encode()).digest() if key is not None else b""
        if key is not None and key in self._by_key:
            return self._started_before(key, fingerprint)
        if self.draining:
            message = "The gateway is shutting down: start again elsewhere or later."
            raise self._refused(Refused(Code.SHUTTING_DOWN, message, retry_after_ms=1000))
        try:
            model = self.models_for(principal).resolve(request.model)
            limits = principal.limits
            self._budgets.check(principal.id, self.clock.unix(), limits.budget_per_day)
            self._rates.consume(principal.id, self.clock.now(), limits)
            generation = Generation(
                self._identify("g"), request, request_id, model.name, self.clock.now(), self._keeping.output_limit
            )
            charge = BudgetCharge(self._budgets, principal.id, limits.budget_per_day)
            budget = charge if charge.is_limited else None
            pipeline = Pipeline(generation, model, self.slots, self.clock, principal, budget)
        except Refused as refused:
            if refused.code is Code.QUEUE_FULL:
                self._rates.refund(principal.id, self.clock.now(), principal.limits)
            raise self._refused(refused) from None
        on_disconnect = request.options.on_disconnect or self._keeping.on_disconnect
        held = Record(generation, pipeline, on_disconnect, key, fingerprint, principal, charge)
        self._held[generation.id] = held
        if key is not None:
            self._by_key[key] = generation.id
        self.counters.started += 1
        self._idle.clear()
        held.task = asyncio.create_task(pipeline.run(), name=generation.id)
        held.task.add_done_callback(partial(self._over, held))
        return generation

    def reload(self, models: ModelRegistry) -> list[asyncio.Task[None]]:
        """Serve other models from now on; give the tasks that still ask the former ones."""
        self.models = models
        return [held.task for held in self._held.values() if held.task is not None]

    def models_for(self, principal: Principal) -> ModelRegistry:
        """Give the models that a principal may use."""
        return self.models if principal.models is None else self.models.only(principal.models)

    def allowance(self, principal: Principal) -> Allowance | None:
        """Tell what is left of a principal's rate limit; None without one."""
        return self._rates.allowance(principal.id, self.clock.now(), principal.limits)

    def find(self, generation_id: str, principal: Principal) -> Generation:
        """Find a generation that runs or is still held, and that the principal may read.

        Raises:
            Refused: `generation_lost`, also for one that is another's: nobody learns which ids there are.
        """
        return self._find(generation_id, principal).generation

    def find_to_command(self, generation_id: str, principal: Principal) -> Generation:
        """Find one that the principal may command, too.

        Raises:
            Refused: `generation_lost`, or `forbidden`.
        """
        return self._find_to_command(generation_id, principal).generation

    def interrupt(
        self, generation_id: str, request: InterruptRequest, read_at: float, principal: Principal
    ) -> Generation:
        """Stop a generation; a second time does nothing.

        Raises:
            Refused: `generation_lost`, `forbidden`, or `already_over` when it ended in another way.
        """
        held = self._find_to_command(generation_id, principal)
        held.pipeline.interrupt("client", request.reason, read_at)
        return held.generation

    def would_stop(self, generation_id: str, principal: Principal) -> bool:
        """Tell whether an interrupt of this principal's would stop something."""
        try:
            state = self._find_to_command(generation_id, principal).generation.state
        except Refused:
            return False
        return not state.is_terminal and state is not State.STOPPING

    def feedback(self, generation_id: str, request: FeedbackRequest, read_at: float, principal: Principal) -> str:
        """Take feedback to a generation and give its id.

        Raises:
            Refused: `generation_lost`, `forbidden`, `already_over`, or too many of them.
        """
        held = self._find_to_command(generation_id, principal)
        feedback_id = self._identify("f")
        held.pipeline.feedback(feedback_id, request, read_at)
        if generation_id in self._finished:
            self._retain(held.generation)
        return feedback_id

    def enter(self, generation_id: str, principal: Principal) -> Generation:
        """Count as a viewer; the caller must `leave` once.

        Raises:
            Refused: `generation_lost`.
        """
        held = self._find(generation_id, principal)
        held.viewers += 1
        if held.task is not None:
            held.cancel_timer()
        return held.generation

    def leave(self, generation_id: str) -> None:
        """Be a viewer no more; when the last one leaves a running generation, its disconnect policy applies."""
        held = self._held.get(generation_id)
        if held is None:
            return
        held.viewers -= 1
        if not held.viewers and held.task is not None:
            self._deserted(held)

    async def drain(self, seconds: float) -> None:
        """Take no new starts, let what runs end within that time, then end the rest with `shutting_down`."""
        self.draining = True
        timer = self.clock.call_later(seconds, self._idle.set)
        try:
            await self._idle.wait()
        finally:
            timer.cancel()
            await self.close()

    async def close(self) -> None:
        """End everything now."""
        self.draining = True
        tasks = [held.task for held in self._held.values() if held.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for held in self._held.values():
            held.cancel_timer()

    def stats(self) -> dict[str, object]:
        """Give the figures of `GET /api/stats`."""
        return {
            "running": self.running,
            "active": self.slots.running,
            "queued": self.slots.queued,
            "viewers": self.viewers,
            "held": len(self._held),
            "max_concurrent": self.slots.max_concurrent,
            "max_queue": self.slots.max_queue,
            "started": self.counters.started,
            "complete": self.counters.complete,
            "interrupted": self.counters.interrupted,
            "error": self.counters.error,
            "cost_usd": round(self.counters.cost_usd, 6),
            "saved_by_interrupts": self.savings.stats(),
            "upstreams": [
                {"model": model.name, **target.stats(model.name, self.clock.now())}
                for model in self.models.by_name.values()
                for target in model.targets
            ],
            "refused": dict(self.counters.refused),
            "draining": self.draining,
        }

    def _find(self, generation_id: str, principal: Principal) -> Record:
        held = self._held.get(generation_id)
        if held is None or not (held.principal.id == principal.id or principal.observes):
            raise lost(generation_id)
        if principal.generation_scope is not None and principal.generation_scope.generation_id != generation_id:
            raise lost(generation_id)
        return held

    def _find_to_command(self, generation_id: str, principal: Principal) -> Record:
        held = self._find(generation_id, principal)
        if not (held.principal.id == principal.id or principal.operates):
            # It may be read: that it is there is no secret.
            raise forbidden("operate")
        if principal.generation_scope is not None and not principal.generation_scope.commands:
            raise out_of_scope()
        return held

    def _started_before(self, key: tuple[str, str], fingerprint: bytes) -> Generation:
        held = self._held[self._by_key[key]]
        if held.fingerprint != fingerprint:
            message = "This Idempotency-Key was used for a different request: use a new key for a new request."
            raise self._refused(invalid(message, param="idempotency_key", status=409))
        return held.generation

    def _refused(self, refused: Refused) -> Refused:
        code = refused.code.value
        self.counters.refused[code] = self.counters.refused.get(code, 0) + 1
        return refused

    def _deserted(self, held: Record) -> None:
        if held.on_disconnect == "cancel":
            self._stop_deserted(held)
        elif held.on_disconnect == "grace":
            held.cancel_timer()
            held.timer = self.clock.call_later(self._keeping.grace, lambda: self._stop_deserted(held))

    def _stop_deserted(self, held: Record) -> None:
        held.timer = None
        if held.generation.state.is_terminal:
            return
        held.pipeline.interrupt("disconnect", "the last viewer left", self.clock.now())

    def _over(self, held: Record, _task: asyncio.Task[None]) -> None:
        generation_id = held.generation.id
        # A task that was cancelled before its first step has not run, not even its own end.
        held.pipeline.release()
        held.cancel_timer()
        held.task = None
        held.generation.log.compact()
        held.generation.forget_prompt()
        self._count(held)
        held.timer = self.clock.call_later(self._keeping.retention, lambda: self._forget(generation_id))
        self._retain(held.generation)
        if not self.running:
            self._idle.set()

    def _retain(self, generation: Generation) -> None:
        """Count what a finished generation takes, anew when a note made it more; the oldest make room for it."""
        self._retained_bytes += generation.size - self._finished.get(generation.id, 0)
        self._finished[generation.id] = generation.size
        keeping = self._keeping
        while len(self._finished) > keeping.retained or self._retained_bytes > keeping.retained_bytes:
            self._forget(next(iter(self._finished)))

    def _count(self, held: Record) -> None:
        generation = held.generation
        tokens, cost = generation.usage().output_tokens or 0, generation.charged()
        self._rates.record_output(held.principal.id, tokens, self.clock.now(), held.principal.limits)
        held.charge.charge_to_date(cost, self.clock.unix())
        self.counters.cost_usd += cost
        answering = generation.answering
        match generation.state.value:
            case "complete":
                self.counters.complete += 1
                self.savings.record_completed(generation.model, generation.length())
            case "interrupted":
                self.counters.interrupted += 1
                price = None if answering is None else answering.price
                self.savings.record_interrupted(generation.model, generation.length(), price)
            case _:
                self.counters.error += 1

    def _forget(self, generation_id: str) -> None:
        held = self._held.pop(generation_id)
        held.cancel_timer()
        self._retained_bytes -= self._finished.pop(generation_id)
        if held.idempotency is not None:
            self._by_key.pop(held.idempotency, None)
