"""Generations that change their gateway: given up, because another one has taken them, or taken from one that died."""

from dataclasses import dataclass
from functools import partial
from typing import Protocol

from gateway.admission.prompts import PromptMemory
from gateway.billing.budgets import BudgetCharge, Budgets
from gateway.clock import Clock, RestartableTimer
from gateway.generation.details import StoredPrompt
from gateway.pipeline.admission import SlotSource
from gateway.pipeline.disconnects import Disconnects
from gateway.pipeline.ended_pipeline import EndedPipeline
from gateway.pipeline.mirrors import Mirror, Mirrors
from gateway.pipeline.pipeline import Pipeline
from gateway.pipeline.records import Record, Records
from gateway.protocol.commands import OnDisconnect
from gateway.protocol.errors import Refused
from gateway.routing.model import Model
from gateway.security.principals import Principal
from gateway.telemetry.observer import Observer


@dataclass(frozen=True, slots=True)
class Terms:
    """How a generation was started: whose it is, what becomes of it without viewers, and how long it is kept."""

    principal: Principal
    on_disconnect: OnDisconnect
    retention: float


class Launcher(Protocol):
    """What runs the generations of this process; see `Hub`."""

    def resolve_model(self, name: str, principal: Principal) -> Model:
        """Return a model.

        Raises:
            Refused: it is unknown here, or the principal may not use it.
        """
        ...

    def launch(self, record: Record, pipeline: Pipeline) -> None:
        """Run the pipeline of a record."""
        ...


class Handover:
    """Moves generations between the records of this process and its mirrors; their viewers stay with them."""

    def __init__(
        self,
        launcher: Launcher,
        *,
        records: Records,
        mirrors: Mirrors,
        disconnects: Disconnects,
        budgets: Budgets,
        prompts: PromptMemory,
        clock: Clock,
        observer: Observer,
    ) -> None:
        self._launcher = launcher
        self._records = records
        self._mirrors = mirrors
        self._disconnects = disconnects
        self._budgets = budgets
        self._prompts = prompts
        self._clock = clock
        self._observer = observer

    def surrender(self, record: Record, owner: str, watchers: int = 0) -> Mirror:
        """Stop running a generation that another gateway has taken over; return its mirror.

        `watchers` of its viewers are other gateways, which read it from the new owner now.
        """
        record.is_surrendered = True
        self._records.remove(record.generation.id)
        self._disconnects.forget(record)
        record.pipeline.surrender()
        if record.task is not None:
            record.task.cancel()
        mirror = Mirror(record.generation, record.principal, owner, record.viewers - watchers)
        self._mirrors.add(mirror)
        self._observer.on_surrendered(record.generation)
        return mirror

    def adopt_ended(self, mirror: Mirror, terms: Terms) -> Record:
        """Retain a generation that has ended as one of this gateway."""
        record = self._record(mirror, terms, EndedPipeline(mirror.generation))
        self._records.add(record)
        self._mirrors.remove(record.generation.id)
        record.timer.start(record.retention, partial(self._records.forget, record.generation.id))
        self._records.retain(record.generation)
        return record

    def continue_here(self, mirror: Mirror, terms: Terms, prompt: StoredPrompt, slots: SlotSource) -> Record:
        """Run a generation on whose owner has died, under the limits of its principal.

        Without a viewer, the grace period begins.

        Raises:
            Refused: its model is not served here, its principal's budget is spent, the queue is full, or there is no
                memory for its prompt. It is a mirror still.
            ValueError: `prompt` is none of this version.
        """
        generation, principal = mirror.generation, terms.principal
        model = self._launcher.resolve_model(generation.model, principal)
        self._budgets.check(principal.id, self._clock.unix(), principal.limits.budget_per_day)
        record = self._record(mirror, terms, EndedPipeline(generation))
        try:
            generation.continue_with(prompt, model.targets[0].name)
            record.reservation.grow(generation.request_size)
            limited = record.budget_charge if record.budget_charge.is_limited else None
            pipeline = Pipeline(
                *(generation, model, slots, self._clock, principal, limited),
                observer=self._observer,
                asks_again=True,
            )
        except (Refused, ValueError):
            record.reservation.release()
            raise
        record.pipeline = pipeline
        self._records.add(record)
        self._mirrors.remove(generation.id)
        self._observer.on_start(generation, principal)
        self._launcher.launch(record, pipeline)
        if not record.viewers and record.on_disconnect != "continue":
            self._disconnects.expect_viewer(record)
        return record

    def _record(self, mirror: Mirror, terms: Terms, pipeline: EndedPipeline) -> Record:
        principal = terms.principal
        # What its former owner was to charge counts as charged: budgets are shared, or that owner's are gone with it.
        charge = BudgetCharge(self._budgets, principal.id, principal.limits.budget_per_day, mirror.generation.charged())
        reservation = self._prompts.reserve(principal.id, principal.address)
        record = Record(
            *(mirror.generation, pipeline, terms.on_disconnect, principal, charge, reservation),
            timer=RestartableTimer(self._clock),
            retention=terms.retention,
        )
        record.viewers, record.was_viewed = mirror.viewers, mirror.viewers > 0
        return record
