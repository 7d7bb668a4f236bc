"""Calls of providers' other endpoints: routing, limits, charges."""

import asyncio

import pytest

from gateway.admission.rate_limits import RateLimits
from gateway.admission.slots import Slots
from gateway.billing.budgets import Budgets
from gateway.billing.prices import Price
from gateway.pass_through.calls import Charges, call, targets_of
from gateway.pipeline.hub import Hub
from gateway.protocol.errors import Code, Failed, Refused
from gateway.replicas.generations import Generations
from gateway.routing.breaker import Breaker, Circuit
from gateway.routing.model import Model
from gateway.routing.registry import ModelRegistry
from gateway.routing.target import Target
from gateway.routing.watchdog import Limits
from gateway.upstreams.documents import DocumentRequest
from gateway.upstreams.endpoint import Endpoint
from tests.event_loop import settle
from tests.manual_clock import ManualClock
from tests.scripted_upstream import ScriptedUpstream
from tests.start_requests import ANONYMOUS

DOLLAR_A_TOKEN = Price(1e6, 1e6, 1e6)
CHARGES = Charges(ANONYMOUS, 40)


class Provider:
    """A hub with two targets of one model."""

    def __init__(self, budget: float = 0, requests: int = 0) -> None:
        self.clock = ManualClock()
        self.upstreams = [ScriptedUpstream(), ScriptedUpstream()]
        self.targets = [
            Target(
                upstream, f"theirs-{at}", price=DOLLAR_A_TOKEN, limits=Limits(first_token_timeout=5), breaker=Breaker(1)
            )
            for at, upstream in enumerate(self.upstreams)
        ]
        self.model = Model("m", self.targets)
        self.hub = Hub(
            ModelRegistry([self.model]),
            Slots(0, 0),
            self.clock,
            budgets=Budgets(budget),
            rate_limits=RateLimits(requests, requests),
        )

    async def call(self, charges: Charges | None = CHARGES) -> "asyncio.Task[bytes]":
        def build(model: str) -> DocumentRequest:
            return DocumentRequest(Endpoint(("embeddings",)), {"model": model})

        task = asyncio.ensure_future(call(Generations(self.hub), self.model, self.targets, build, charges))
        await settle()
        return task

    def spent(self) -> float:
        return self.hub.budgets.spent(ANONYMOUS.id, self.clock.unix())

    async def answer(self, document: bytes | Failed, upstream: int = 0) -> None:
        future = self.upstreams[upstream].fetched[-1].document
        if isinstance(document, Failed):
            future.set_exception(document)
        else:
            future.set_result(document)
        await settle()


async def test_the_first_target_answers_under_its_own_name_of_the_model() -> None:
    provider = Provider()
    task = await provider.call()
    assert provider.upstreams[0].fetched[0].request.body == {"model": "theirs-0"}
    await provider.answer(b"{}")
    assert await task == b"{}"
    assert provider.targets[0].running == 0


def test_only_providers_with_the_api_are_called() -> None:
    provider = Provider()
    provider.upstreams[0].api = "anthropic"
    assert targets_of(provider.model, "openai", 0) == [provider.targets[1]]
    assert targets_of(provider.model, "gemini", 0) == []


async def test_another_target_is_called_when_one_fails() -> None:
    provider = Provider()
    task = await provider.call()
    await provider.answer(Failed(Code.SERVER_ERROR, "no"))
    await provider.answer(b"{}", 1)
    assert await task == b"{}"
    assert provider.targets[0].breaker.circuit(provider.clock.now()) is Circuit.OPEN
    assert provider.targets[0].failed == 1


async def test_a_request_that_is_not_valid_is_refused_at_once() -> None:
    provider = Provider()
    task = await provider.call()
    await provider.answer(Failed(Code.INVALID_REQUEST, "input is empty"))
    with pytest.raises(Refused, match="input is empty") as refused:
        await task
    assert refused.value.status == 400
    assert not provider.upstreams[1].fetched


async def test_a_provider_that_is_too_slow_is_left() -> None:
    provider = Provider()
    task = await provider.call()
    provider.clock.advance(5)
    # The time limit is judged after what waits in the sockets has been read.
    while not provider.upstreams[1].fetched:
        await settle()
    assert provider.upstreams[0].fetched[0].closed
    await provider.answer(b"{}", 1)
    assert await task == b"{}"


async def test_the_budget_is_charged_with_the_figures_of_the_provider() -> None:
    provider = Provider(budget=100)
    task = await provider.call()
    # An estimate, while it runs: 40 bytes are about 10 tokens.
    assert provider.spent() == 10
    await provider.answer(b'{"usage":{"prompt_tokens":7,"total_tokens":7}}')
    await task
    assert provider.spent() == 7
    assert provider.hub.statistics.cost_usd == 7


async def test_without_figures_the_estimate_stands_and_a_failure_costs_nothing() -> None:
    provider = Provider(budget=100)
    task = await provider.call()
    await provider.answer(b"{}")
    await task
    assert provider.spent() == 10
    task = await provider.call()
    await provider.answer(Failed(Code.INVALID_REQUEST, "no"))
    with pytest.raises(Refused):
        await task
    assert provider.spent() == 10


async def test_a_spent_budget_and_a_rate_limit_refuse() -> None:
    provider = Provider(budget=5, requests=2)
    first = await provider.call()
    await provider.answer(b"{}")
    await first
    with pytest.raises(Refused) as refused:
        await (await provider.call())
    assert refused.value.code == Code.BUDGET_EXCEEDED
    limited = Provider(requests=1)
    first = await limited.call()
    await limited.answer(b"{}")
    await first
    with pytest.raises(Refused) as refused:
        await (await limited.call())
    assert refused.value.code == Code.RATE_LIMIT


async def test_a_call_without_charges_counts_for_nothing() -> None:
    provider = Provider(budget=100, requests=1)
    for _ in range(3):
        task = await provider.call(None)
        await provider.answer(b"{}")
        await task
    assert provider.spent() == 0
