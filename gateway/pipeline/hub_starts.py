"""How a hub starts generations: what was started before, limits, and the record of a new one."""

import hashlib

from gateway.billing.budgets import BudgetCharge
from gateway.clock import RestartableTimer
from gateway.dialects.sent_request import SentRequest
from gateway.generation.generation import Generation
from gateway.generation.source import UNKNOWN_SOURCE, StartSource
from gateway.pipeline.admission import Admission
from gateway.pipeline.hub_base import HubBase
from gateway.pipeline.pipeline import Pipeline
from gateway.pipeline.records import IdempotencyKey, Record
from gateway.protocol.commands import StartRequest
from gateway.protocol.errors import Code, Refused, out_of_scope
from gateway.security.principals import Principal
from gateway.upstreams.base import VerbatimRequest


class StartingHub(HubBase):
    """Starts generations; see `Hub`."""

    def start(  # noqa: PLR0913 - options, all passed by name
        self,
        request: StartRequest,
        *,
        request_id: str,
        principal: Principal,
        source: StartSource = UNKNOWN_SOURCE,
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
            record, pipeline = self._admit(
                *(request, request_id, principal, source, verbatim, admission), with_defaults=with_defaults
            )
        except Refused as refused:
            self.on_refused(refused, principal, source, sent)
            raise
        record.idempotency_key, record.fingerprint = key, fingerprint
        record.retention = max(record.retention, retention)
        generation = record.generation
        self._records.add(record)
        if sent is not None and self._policy.on_resend != "ignore":
            self._resends.add(record, sent)
        self.statistics.started += 1
        self.observers.on_start(generation, principal)
        self.launch(record, pipeline)
        if request.options.on_disconnect in {"grace", "cancel"}:
            # Its client names a policy, so it means to read: if it never comes, its generation is not kept for it.
            self._disconnects.expect_viewer(record)
        self._disconnects.make_way()
        return generation

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

    @property
    def recognizes_resends(self) -> bool:
        """Return True if requests that are sent again are looked for; see `on_resend`."""
        return self._policy.on_resend != "ignore"

    def find_resent(self, generation_id: str, sent: SentRequest) -> Generation | None:
        """Return the generation that a request has started before, if its principal is that of a running one here.

        As for a start here, with `on_resend` of `cancel` it is stopped, and not returned.
        """
        record = self._records.get(generation_id)
        return None if record is None else self._started_before(None, b"", record.principal, sent, is_new=False)

    def on_refused(self, refused: Refused, principal: Principal, source: StartSource, sent: SentRequest | None) -> None:
        """Record that a start was refused, here or by limits that gateways share."""
        self.statistics.count_refusal(refused)
        self.observers.on_refused(refused, principal, source)
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
            self.observers.on_refused(refused, principal, UNKNOWN_SOURCE)
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
        source: StartSource,
        verbatim: VerbatimRequest | None,
        admission: Admission | None,
        *,
        with_defaults: bool,
    ) -> tuple[Record, Pipeline]:
        """Return the record of a new generation, and its pipeline, which has a slot or a place in the queue."""
        model = self.resolve_model(request.model, principal)
        limits, now, unix = principal.limits, self.clock.now(), self.clock.unix()
        self.budgets.check(principal.id, unix, limits.budget_per_day)
        if admission is None:
            self.rate_limits.consume(principal.id, now, limits)
        reservation = self.prompts.reserve(principal.id, principal.address)
        try:
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
                created=int(unix),
                leading_messages=len(whole.messages) - len(request.messages),
                source=source,
            )
            reservation.grow(generation.request_size)
            budget_charge = BudgetCharge(self.budgets, principal.id, limits.budget_per_day)
            limited = budget_charge if budget_charge.is_limited else None
            slots = self.slots if admission is None else admission.slots
            pipeline = Pipeline(generation, model, slots, self.clock, principal, limited, observer=self.observers)
        except Refused:
            # The request was not served: it does not count.
            reservation.release()
            if admission is None:
                self.rate_limits.refund(principal.id, now, limits)
            raise
        on_disconnect = request.options.on_disconnect or self._policy.on_disconnect
        timer, kept = RestartableTimer(self.clock), self._policy.retention
        record = Record(generation, pipeline, on_disconnect, principal, budget_charge, reservation, timer, kept)
        return record, pipeline


def fingerprint(request: StartRequest, sent: SentRequest | None) -> bytes:
    """Return a hash of a request, by which one that reuses its idempotency key is compared."""
    return sent.digest if sent is not None else hashlib.sha256(request.model_dump_json().encode()).digest()
