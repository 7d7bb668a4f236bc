"""What a hub holds: its generations and their tasks, its models and its limits."""

import asyncio
import os
from binascii import b2a_base64
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

from gateway.admission.prompts import PromptMemory
from gateway.admission.rate_limits import Allowance, RateLimits
from gateway.admission.slots import Slots
from gateway.billing.budgets import Budgets
from gateway.clock import Clock, RestartableTimer
from gateway.generation.generation import Generation
from gateway.pipeline.departures import Departures
from gateway.pipeline.disconnects import Disconnects
from gateway.pipeline.handover import Handover
from gateway.pipeline.mirrors import Mirrors
from gateway.pipeline.pipeline import Pipeline
from gateway.pipeline.records import Record, Records, may_read
from gateway.pipeline.resends import OnResend, Resends
from gateway.pipeline.statistics import Statistics
from gateway.protocol.commands import OnDisconnect
from gateway.protocol.errors import lost
from gateway.routing.model import Model
from gateway.routing.registry import ModelRegistry
from gateway.security.principals import Principal
from gateway.telemetry.observer import Observers
from gateway.telemetry.summary import summarize
from gateway.upstreams.base import DEFAULT_OUTPUT_BYTES


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


_URL_SAFE: Final = bytes.maketrans(b"+/", b"-_")
"""From base64 to base64url (RFC 4648, section 5)."""


def new_id(prefix: str) -> str:
    """Return an id that can't be guessed: 128 random bits, base64url."""
    # As `secrets.token_urlsafe` does it, in fewer steps.
    return f"{prefix}_{b2a_base64(os.urandom(16), newline=False)[:-2].translate(_URL_SAFE).decode()}"


class _TaskEnd:
    """What is called at the end of a task. A partial function of the same takes 200 bytes more while it runs."""

    __slots__ = ("_hub", "_record")

    def __init__(self, hub: "HubBase", record: Record) -> None:
        self._hub = hub
        self._record = record

    def __call__(self, _task: asyncio.Task[None]) -> None:
        self._hub.on_task_done(self._record)


class HubBase:
    """The parts of a hub; see `Hub`."""

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
        self.observers = Observers()
        """What observes the generations of this process."""
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
            observer=self.observers,
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
    def retained(self) -> int:
        """Return the number of finished generations that are kept."""
        return len(self._records) - self._records.running

    @property
    def retained_bytes(self) -> int:
        """Return the size of what they hold."""
        return self._records.retained_bytes

    @property
    def viewers(self) -> int:
        """Return the number of viewers of all generations."""
        return sum(record.viewers for record in self._records) + sum(mirror.viewers for mirror in self.mirrors)

    @property
    def retention(self) -> float:
        """Return how long a generation is kept at least once it has ended, in seconds."""
        return self._policy.retention

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

    def find(self, generation_id: str, principal: Principal) -> Generation:
        """Return a generation that runs or is retained, and that the principal may read.

        Raises:
            Refused: `generation_lost`, also for a generation of another principal: ids can't be probed.
        """
        mirror = self.mirrors.by_id.get(generation_id)
        if mirror is not None:
            if not may_read(principal, mirror):
                raise lost(generation_id)
            return mirror.generation
        return self._records.find(generation_id, principal).generation

    def record(self, generation_id: str) -> Record | None:
        """Return the record of a generation of this gateway, without any check; None if it is unknown."""
        return self._records.get(generation_id)

    def is_running(self, generation_id: str) -> bool:
        """Return True if a generation of this id, of whomever, has not ended."""
        record = self._records.get(generation_id)
        return record is not None and record.generation.end is None

    def running_for(self, principal: Principal) -> list[Generation]:
        """Return the generations that the principal may read and that have not ended, newest first."""
        return self._records.running_for(principal)

    def running_records(self) -> Iterator[Record]:
        """Return the records of the generations that run here, newest first."""
        return self._records.running_records()

    def on_forget(self, callback: Callable[[str], None]) -> None:
        """Call `callback`, beside those before it, with the id of each finished generation that is dropped."""
        self._records.on_forget.append(callback)

    def on_close(self, callback: Callable[[], None]) -> None:
        """Call `callback`, after those before it, once all generations have ended and no viewer is awaited any more."""
        self._on_close.append(callback)

    def report_end(self, record: Record) -> None:
        """Report a generation that has ended here to the observers."""
        now, unix = self.clock.now(), self.clock.unix()
        generation, views, resumes = record.generation, record.views, record.resumes
        principal = record.principal.id
        self.observers.on_end(summarize(generation, principal, views=views, resumes=resumes, now=now, unix=unix))

    def launch(self, record: Record, pipeline: Pipeline) -> None:
        """Run the pipeline of a record in a task of its own."""
        self._idle.clear()
        record.task = asyncio.create_task(pipeline.run(), name=record.generation.id)
        record.task.add_done_callback(_TaskEnd(self, record))

    def on_task_done(self, record: Record) -> None:
        """Release what a generation holds whose task has ended, and retain it."""
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
        bill = generation.bill()
        self.rate_limits.record_output(principal.id, bill.usage.output_tokens or 0, self.clock.now(), principal.limits)
        record.budget_charge.charge_to_date(bill.charged, self.clock.unix())
        self.statistics.count_end(generation, bill.charged)
        record.timer.start(record.retention, partial(self._records.forget, generation.id))
        self._records.retain(generation)
        self._set_idle()
        self.report_end(record)

    def _set_idle(self) -> None:
        if not self._records.running:
            self._idle.set()
