"""The response to a message of a chat: a UI message stream."""

from functools import partial
from typing import Final

from starlette.types import ASGIApp

from gateway.generation.generation import Generation
from transports.projected.response import DialectResponse
from transports.projected.stream import NumberedFraming, ProjectedFraming, ProjectedStream

MAX_WAIT: Final = 1.0
"""Seconds after which a response begins at the latest. Until then, a failure has a status of its own."""

_FIRST_EVENT: Final = 1
"""Position of `accepted`, with which every log begins."""


def stream_headers(generation: Generation) -> dict[str, str]:
    """Return the headers of a stream. `WorkflowChatTransport` comes back to what it calls a run."""
    return {"X-Vercel-AI-UI-Message-Stream": "v1", "X-Workflow-Run-ID": generation.id}


class AiSdkResponse(DialectResponse):
    """The response to one message. It begins as soon as there is something to say: a place in the queue, too."""

    def _max_wait(self) -> float | None:
        return min(self._services.heartbeat, MAX_WAIT)

    def _is_ready(self) -> bool:
        return super()._is_ready() or self._generation.log.last > _FIRST_EVENT

    def _response(self) -> ASGIApp:
        projection = self._dialect.projection(self._start, self._identity)
        # A client without a chat's id comes back by the number of chunks that it has: each has to be sent.
        framing = ProjectedFraming if self._start.alias else partial(NumberedFraming, skip=0)
        return ProjectedStream(self._services, self._dialect, projection, self._generation, self._headers(), framing)

    def _headers(self) -> dict[str, str]:
        return {**super()._headers(), **stream_headers(self._generation)}
