"""The response to a message of a chat: a UI message stream."""

from functools import partial

from starlette.types import ASGIApp

from gateway.generation.generation import Generation
from transports.chat_ui.response import ChatUiResponse
from transports.projected.stream import NumberedFraming, ProjectedFraming, ProjectedStream


def stream_headers(generation: Generation) -> dict[str, str]:
    """Return the headers of a stream. `WorkflowChatTransport` comes back to what it calls a run."""
    return {"X-Vercel-AI-UI-Message-Stream": "v1", "X-Workflow-Run-ID": generation.id}


class AiSdkResponse(ChatUiResponse):
    """The response to one message."""

    def _response(self) -> ASGIApp:
        projection = self._dialect.projection(self._start, self._identity)
        # A client without a chat's id comes back by the number of chunks that it has: each has to be sent.
        framing = ProjectedFraming if self._start.alias else partial(NumberedFraming, skip=0)
        return ProjectedStream(self._services, self._dialect, projection, self._generation, self._headers(), framing)

    def _headers(self) -> dict[str, str]:
        return {**super()._headers(), **stream_headers(self._generation)}
