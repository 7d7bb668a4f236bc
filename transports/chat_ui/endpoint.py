"""The start of an answer by a chat UI."""

from starlette.requests import Request
from starlette.responses import Response

from gateway.dialects.base import DialectStart
from gateway.dialects.sent_request import SentRequest
from gateway.generation.generation import Generation
from transports.chat_ui.response import ChatUiResponse
from transports.projected.endpoint import Endpoint
from transports.projected.response import DialectResponse


class ChatUiEndpoint(Endpoint):
    """The start at the path of a chat UI; `response_type` responds with what it starts."""

    response_type: type[ChatUiResponse] = ChatUiResponse

    def _sent(self, _start: DialectStart) -> SentRequest | None:
        # These clients repeat no request. One that sends the same messages again wants another answer.
        return None

    def _respond(self, start: DialectStart, generation: Generation, request: Request) -> Response | DialectResponse:
        return self.response_type(self._services, self._dialect, start, generation, request)
