"""The live part of `dualstream check`: one token from every upstream, with its time, and a connection to the store."""

import asyncio
import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from yarl import URL

from gateway.app.catalog import Catalog
from gateway.protocol.commands import Message
from gateway.protocol.errors import Code, Failed
from gateway.protocol.events import Chunk, Part, Reasoning, TextBatch, ToolCall
from gateway.routing.target import Target
from gateway.store.base import Store
from gateway.store.errors import StoreError
from gateway.toml.problems import ConfigurationError
from gateway.upstreams.base import UpstreamEvent, UpstreamRequest

TIMEOUT_SECONDS: Final = 30.0
"""Maximum time from the start of a call to its first token."""

MIN_OUTPUT_TOKENS: Final = {"openai-responses": 16}
"""Lowest `max_tokens` of an API, where it is not 1 (platform.openai.com/docs/api-reference/responses/create)."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Result of one call: milliseconds to the first token, or the failure. Neither: the answer had no text.

    `url` is the URL that was called; None if there was none to call.
    """

    provider: str
    model: str
    ttft_ms: float | None = None
    failure: Failed | None = None
    url: URL | None = None

    def __str__(self) -> str:
        """Return the outcome as one line."""
        target = f"{self.provider}: {self.model}: "
        if self.failure is not None:
            called = "" if self.url is None else f" ({self.url})"
            return f"{target}{self.failure.code}: {self.failure.message}{called}"
        return target + (
            f"{self.ttft_ms:.0f} ms to the first token" if self.ttft_ms is not None else "answered, no text"
        )


async def call_all(catalog: Catalog, timeout_seconds: float = TIMEOUT_SECONDS) -> Sequence[Outcome]:
    """Call every target of every model in parallel, each for one token."""
    with _unlogged():
        return await asyncio.gather(
            *(
                _call(catalog, target, target.upstream_model(model.name), timeout_seconds)
                for model in catalog.models.by_name.values()
                for target in model.targets
            )
        )


async def find_store_failure(store: Store) -> str | None:
    """Connect to a store; return why it can't be used, None if it can."""
    try:
        await store.start()
    except (StoreError, ConfigurationError) as error:
        return str(error)
    finally:
        await store.close()
    return None


@contextmanager
def _unlogged() -> Iterator[None]:
    """Log no failures of upstreams meanwhile: each is in its outcome, and would be reported twice."""
    logger = logging.getLogger("gateway.upstreams")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


async def _call(catalog: Catalog, target: Target, model: str, timeout_seconds: float) -> Outcome:
    provider = catalog.providers[target.name]
    max_tokens = MIN_OUTPUT_TOKENS.get(provider.api, 1)
    request = UpstreamRequest(model, [Message(role="user", content="Hello")], {"max_tokens": max_tokens})
    began, url = time.monotonic(), None
    try:
        url = catalog.upstreams[provider].url(request)
        async with asyncio.timeout(timeout_seconds):
            first_token_at = await _first_token_time(target, request)
    except TimeoutError:
        failure = Failed(Code.FIRST_TOKEN_TIMEOUT, f"No first token within {timeout_seconds:g} seconds.")
        return Outcome(target.name, model, failure=failure, url=url)
    except Failed as failure:
        return Outcome(target.name, model, failure=failure, url=url)
    return Outcome(target.name, model, None if first_token_at is None else (first_token_at - began) * 1000)


async def _first_token_time(target: Target, request: UpstreamRequest) -> float | None:
    """Return the monotonic time of the first token; None if the answer has none.

    Raises:
        Failed: the call failed.
    """
    times: list[float] = []
    response = await target.upstream.open(request)

    def stop_at_first_token(events: Sequence[UpstreamEvent]) -> None:
        if any(isinstance(event, Chunk | Reasoning | ToolCall | Part | TextBatch) for event in events):
            times.append(time.monotonic())
            response.stop()

    try:
        await response.stream(stop_at_first_token)
    finally:
        await response.close()
    return times[0] if times else None
