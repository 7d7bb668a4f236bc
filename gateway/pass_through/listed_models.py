"""The models that a provider lists. Clients choose from them where the gateway forwards any name.

Sources: platform.openai.com/docs/api-reference/models; docs.anthropic.com, "List Models"; ai.google.dev/api/models.
"""

import asyncio
from collections.abc import Iterator
from typing import Final

import orjson
from pydantic import JsonValue

from gateway.clock import Clock, time_limit
from gateway.protocol.errors import Failed
from gateway.upstreams.base import Upstream
from gateway.upstreams.documents import DocumentRequest, DocumentUpstream
from gateway.upstreams.endpoint import Endpoint

CALL_SECONDS: Final = 2.5
"""Longest call. Clients wait for a list, Claude Code for 3 seconds."""

KEEP_SECONDS: Final = 300.0
KEEP_NONE_SECONDS: Final = 30.0
"""How long an empty list is kept, as of a provider that did not answer."""

MAX_MODELS: Final = 1000
MAX_NAME: Final = 200

_PAGES: Final = {"anthropic": f"?limit={MAX_MODELS}", "gemini": f"?pageSize={MAX_MODELS}"}
"""Queries for the largest page, by API; OpenAI's list has no pages."""


class ListedModels:
    """The names in a provider's list of models: asked when a client lists them, and kept for some minutes."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._asking = asyncio.Lock()
        self._upstream: Upstream | None = None
        self._names: tuple[str, ...] = ()
        self._stale_at = 0.0

    async def names(self, upstream: Upstream) -> tuple[str, ...]:
        """Return the names; none if the provider has no list, or does not answer in time."""
        async with self._asking:
            if upstream is not self._upstream or self._clock.now() >= self._stale_at:
                self._names = await self._ask(upstream)
                self._upstream = upstream
                self._stale_at = self._clock.now() + (KEEP_SECONDS if self._names else KEEP_NONE_SECONDS)
            return self._names

    async def _ask(self, upstream: Upstream) -> tuple[str, ...]:
        if not isinstance(upstream, DocumentUpstream):
            return ()
        request = DocumentRequest(Endpoint(("models",), _PAGES.get(upstream.api, "")), None)
        try:
            async with time_limit(CALL_SECONDS, self._clock):
                document = await upstream.fetch(request)
        except (Failed, TimeoutError):
            return ()
        return names_in(document)


def names_in(document: bytes) -> tuple[str, ...]:
    """Return the names in a list of models, in the form of any of the APIs."""
    try:
        listed: JsonValue = orjson.loads(document)
    except orjson.JSONDecodeError:
        return ()
    return tuple(_names(listed))[:MAX_MODELS]


def _names(listed: JsonValue) -> Iterator[str]:
    if not isinstance(listed, dict):
        return
    models = listed.get("data", listed.get("models"))
    for model in models if isinstance(models, list) else ():
        if isinstance(model, dict):
            name = model.get("id", model.get("name"))
            if isinstance(name, str) and 0 < len(name) <= MAX_NAME:
                yield name.removeprefix("models/")
