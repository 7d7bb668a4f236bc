"""Call an endpoint of a provider for a client: the model's targets, in their order, until one answers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from gateway.billing.budgets import BudgetCharge
from gateway.billing.prices import Price
from gateway.billing.usage import estimate_output
from gateway.clock import time_limit
from gateway.pass_through.usage import usage_in
from gateway.pipeline.hub import Hub
from gateway.protocol.errors import CODES, Code, Failed, GatewayFault, Refused, UnsupportedOption
from gateway.protocol.events import Usage
from gateway.replicas.generations import Generations
from gateway.routing.model import Model
from gateway.routing.route import REQUEST_FAULTS
from gateway.routing.target import Target
from gateway.security.principals import Principal
from gateway.upstreams.documents import DocumentRequest, DocumentUpstream

MAX_SECONDS: Final = 600.0
"""Longest call, where the limits of its target set none."""


BuildRequest = Callable[[str], DocumentRequest]
"""Builds the request to a provider from the name that the model has there."""


@dataclass(frozen=True, slots=True)
class Charges:
    """How a call is charged. `estimated_bytes` is the size of its input, for a provider that reports no usage."""

    principal: Principal
    estimated_bytes: int = 0


def targets_of(model: Model, api: str, now: float) -> list[Target]:
    """Return the targets of a model whose provider has this API, in the order in which to call them."""
    return [target for target in model.order(now) if _upstream(target, api) is not None]


async def call(
    generations: Generations,
    model: Model,
    targets: Sequence[Target],
    build: BuildRequest,
    charges: Charges | None = None,
) -> bytes:
    """Return the document of the first target that answers. Without `charges`, the call costs nothing.

    Raises:
        Refused: no target answered, or a limit of the principal is reached.
    """
    hub = generations.hub
    if charges is None:
        return await _call_in_turn(hub, targets, model, build)
    charge, price = await generations.admit_call(charges.principal), targets[0].price_of(model.name)
    estimated = _cost(price, Usage(estimate_output(charges.estimated_bytes), 0, "estimated"))
    # Before the answer: calls of one principal that run side by side share its budget.
    charge.charge_to_date(estimated, hub.clock.unix())
    try:
        document = await _call_in_turn(hub, targets, model, build)
    except Refused:
        charge.charge_to_date(0, hub.clock.unix())
        raise
    usage = usage_in(document)
    _settle(hub, charge, estimated if usage is None else _cost(price, usage))
    return document


def _settle(hub: Hub, charge: BudgetCharge, cost: float) -> None:
    charge.charge_to_date(cost, hub.clock.unix())
    hub.statistics.cost_usd += cost


def _cost(price: Price | None, usage: Usage) -> float:
    return 0.0 if price is None else price.cost(usage) or 0.0


async def _call_in_turn(hub: Hub, targets: Sequence[Target], model: Model, build: BuildRequest) -> bytes:
    failure = Failed(Code.SERVER_ERROR, "No provider answered.")
    for target in targets:
        try:
            return await _call(hub, target, build(target.upstream_model(model.name)))
        except Failed as failed:
            failure = failed
            # Another provider would refuse it in the same way.
            if failed.code in REQUEST_FAULTS:
                break
    code = failure.code
    raise Refused(code, failure.message, status=CODES[code].status, retry_after_ms=failure.retry_after_ms)


async def _call(hub: Hub, target: Target, request: DocumentRequest) -> bytes:
    """Call one target, and record the outcome in its circuit breaker."""
    clock, limits = hub.clock, target.limits
    upstream = target.upstream
    if not isinstance(upstream, DocumentUpstream):
        message = "This provider has no such endpoint."
        raise UnsupportedOption(message)
    probe, failure, answered = target.admit(clock.now()), None, False
    seconds = min(filter(None, (limits.total_timeout, limits.first_token_timeout, MAX_SECONDS)))
    try:
        async with time_limit(seconds, clock):
            document = await upstream.fetch(request)
        answered = True
    except TimeoutError:
        failure = Failed(Code.TIMEOUT, f"The provider did not answer within {seconds:g} seconds.")
        raise failure from None
    except Failed as failed:
        # What was not sent says nothing about the provider.
        failure = None if isinstance(failed, UnsupportedOption | GatewayFault) else failed
        raise
    else:
        return document
    finally:
        target.release()
        target.failed += failure is not None
        target.breaker.record(failure, clock.now(), answered=answered, probe=probe)


def _upstream(target: Target, api: str) -> DocumentUpstream | None:
    upstream = target.upstream
    return upstream if isinstance(upstream, DocumentUpstream) and upstream.api == api else None
