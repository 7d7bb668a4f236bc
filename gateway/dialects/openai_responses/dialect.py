"""The dialect of OpenAI's Responses API. Pure."""

from collections.abc import Iterable, Mapping, Sequence

from gateway.dialects.base import (
    Call,
    DialectStart,
    ProjectedEvent,
    Projection,
    ResponseIdentity,
)
from gateway.dialects.openai_responses.document import document
from gateway.dialects.openai_responses.errors import refusal
from gateway.dialects.openai_responses.projection import OpenAIResponsesProjection
from gateway.dialects.openai_responses.request import API, parse_call
from gateway.dialects.statuses import final_status
from gateway.protocol.commands import JsonObject
from gateway.protocol.errors import Code, Refused


class OpenAIResponsesDialect:
    """`POST /v1/responses`; see `Dialect`."""

    name = "openai_responses"
    api = API
    paths: Sequence[str] = ("/v1/responses",)
    content_type = "text/event-stream"
    heartbeat = b": hb\n"
    key_parameter = ""

    def owns(self, path: str, _headers: Mapping[str, str]) -> bool:
        """See `Dialect.owns`."""
        return path == "/v1/responses" or path.startswith("/v1/responses/")

    def parse(self, call: Call) -> DialectStart:
        """See `Dialect.parse`."""
        return parse_call(call)

    def projection(self, start: DialectStart, identity: ResponseIdentity) -> Projection:
        """See `Dialect.projection`."""
        return OpenAIResponsesProjection(start, identity)

    def document(self, _start: DialectStart, events: Iterable[ProjectedEvent]) -> JsonObject:
        """See `Dialect.document`."""
        return document(events)

    def status(self, refused: Refused) -> int:
        """See `Dialect.status`.

        Codex repeats a request six times after every 4xx but 400, and 30 times after 5xx; it reads no header
        (codex-rs/protocol/src/error.rs, `is_retryable`). OpenAI's own status for an unknown model is 400 here, too.
        """
        status = final_status(refused)
        return 400 if status in {402, 422, 424} or refused.code is Code.MODEL_NOT_FOUND else status

    def refusal(self, refused: Refused) -> JsonObject:
        """See `Dialect.refusal`."""
        return refusal(refused)
