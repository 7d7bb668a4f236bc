"""Look at a configuration before it is used: what it names, what is doubtful about it, and whether upstreams answer."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from gateway.app.catalog import Catalog
from gateway.billing.prices import PRICED_ON
from gateway.config import Settings
from gateway.config.providers import Provider
from gateway.net.addresses import is_loopback
from gateway.protocol.commands import Message
from gateway.protocol.errors import Code, Failed
from gateway.protocol.events import Chunk, Reasoning, TextBatch, ToolCall
from gateway.routing.model import Model
from gateway.routing.target import Target
from gateway.upstreams.base import UpstreamEvent, UpstreamRequest

LIVE_SECONDS: Final = 30.0
"""How long an upstream may take for one token."""

LEAST_TOKENS: Final = {"openai-responses": 16}
"""Where the least that may be asked for is not one (platform.openai.com/docs/api-reference/responses/create)."""

_LOOPBACK: Final = ("localhost", "127.", "::1")


def report(catalogue: Catalog) -> list[str]:
    """Say which models there are, and of whom they are asked."""
    models = catalogue.models
    if not models.by_name:
        return ["any model", *(f"  {one.name}: {_place(one)}" for one in catalogue.providers.values())]
    lines = []
    for name, model in models.by_name.items():
        also = [f"also {alias}" for alias, meant in models.aliases.items() if meant == name]
        default = ["default"] if models.aliases.get(models.default or "", models.default) == name else []
        lines.append(", ".join([name, *default, *also, *_policy(model)]))
        lines += [f"  {_target(model, target, catalogue.providers[target.name])}" for target in model.targets]
    return lines


def _policy(model: Model) -> list[str]:
    policy = model.policy
    told: list[str] = []
    if len(model.targets) > 1:
        told.append(policy.routing)
    if policy.hedge is not None:
        told.append(f"hedged after {policy.hedge if policy.hedge == 'p95' else f'{policy.hedge:g} s'}")
    if policy.failover:
        told.append("with failover")
    return told


def _target(model: Model, target: Target, described: Provider) -> str:
    price = target.price_of(model.name)
    cost = f"{price.input:g} in, {price.cached:g} cached, {price.output:g} out" if price else "unknown"
    share = f"; weight {target.weight:g}" if model.policy.routing == "weighted" else ""
    return f"{target.name}: {target.upstream_model(model.name)}; {_place(described)}{share}; price {cost}"


def _place(described: Provider) -> str:
    host = urlsplit(described.base_url).netloc if described.base_url else "built in"
    if described.key_variable is None and described.key is None:
        return f"{host}; no key"
    return f"{host}; key {f'{described.key_variable} ' if described.key_variable else ''}set"


def warnings(settings: Settings, catalogue: Catalog) -> list[str]:
    """Say what is no error but may not be meant."""
    found = []
    for described in catalogue.providers.values():
        url = urlsplit(described.base_url or "")
        if url.scheme == "http" and not (url.hostname or "").startswith(_LOOPBACK):
            found.append(f"{described.name}: plain http to {url.hostname}: keys and texts can be read on the way")
        if described.quirks.continuation == "prefix" and url.path.rstrip("/").endswith("/v1"):
            found.append(f"{described.name}: an answer is gone on with below /beta: base_url should end before /v1")
    if not (settings.requires_credentials or settings.insecure or is_loopback(settings.host)):
        found.append(f"others may reach {settings.host}, and nobody is asked for a key: serve does not start like this")
    found += [f"{name}: no model uses this provider" for name in settings.providers if name not in catalogue.providers]
    for name, model in catalogue.models.by_name.items():
        found += _unused(name, model)
        found += [
            f"{name}: the price at {target.name} is not written: one known on {PRICED_ON} is taken"
            for target in model.targets
            if target.price is None and target.price_of(name) is not None and target.preset != "simulator"
        ]
        found += [
            f"{name}: the price at {target.name} is not known: its answers tell no cost"
            for target in model.targets
            if target.price_of(name) is None
        ]
    return found


def _unused(name: str, model: Model) -> list[str]:
    """Say what is set for nothing."""
    policy = model.policy
    found = []
    if len(model.targets) < 2:
        if policy.failover:
            found.append(f"{name}: failover has no second upstream to go on with")
        if policy.routing != "ordered":
            found.append(f"{name}: routing has no second upstream to choose from")
    if policy.routing != "weighted" and len({target.weight for target in model.targets}) > 1:
        found.append(f'{name}: weight has no effect: it needs routing = "weighted"')
    if isinstance(policy.hedge, int | float):
        found += [
            f"{name}: hedge has no effect on {target.name}, whose first_token_timeout is over before"
            for target in model.targets
            if 0 < target.limits.first_token_timeout <= policy.hedge
        ]
    return found


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one question: milliseconds to the first token, or the failure. Neither: an answer without any."""

    provider: str
    model: str
    ttft_ms: float | None = None
    failure: Failed | None = None

    def __str__(self) -> str:
        """Say it in a line."""
        who = f"{self.provider}: {self.model}: "
        if self.failure is not None:
            return f"{who}{self.failure.code}: {self.failure.message}"
        return who + (f"{self.ttft_ms:.0f} ms to the first token" if self.ttft_ms is not None else "answered, no text")


async def ask_all(catalogue: Catalog, seconds: float = LIVE_SECONDS) -> Sequence[Outcome]:
    """Ask every upstream of every model for one token, all at once."""
    return await asyncio.gather(
        *(
            _ask(target, target.upstream_model(model.name), catalogue.providers[target.name], seconds)
            for model in catalogue.models.by_name.values()
            for target in model.targets
        )
    )


async def _ask(target: Target, model: str, described: Provider, seconds: float) -> Outcome:
    call = UpstreamRequest(
        model, [Message(role="user", content="Hello")], {"max_tokens": LEAST_TOKENS.get(described.api, 1)}
    )
    began = time.monotonic()
    try:
        async with asyncio.timeout(seconds):
            ttft = await _first_token(target, call)
    except TimeoutError:
        failure = Failed(Code.FIRST_TOKEN_TIMEOUT, f"No first token within {seconds:g} seconds.")
        return Outcome(target.name, model, failure=failure)
    except Failed as failure:
        return Outcome(target.name, model, failure=failure)
    return Outcome(target.name, model, None if ttft is None else (ttft - began) * 1000)


async def _first_token(target: Target, call: UpstreamRequest) -> float | None:
    """Give the time of the first token; None if the answer has none."""
    first: list[float] = []
    answer = await target.upstream.open(call)

    def take(parts: Sequence[UpstreamEvent]) -> None:
        if any(isinstance(part, Chunk | Reasoning | ToolCall | TextBatch) for part in parts):
            first.append(time.monotonic())
            answer.stop()

    try:
        await answer.stream(take)
    finally:
        await answer.close()
    return first[0] if first else None
