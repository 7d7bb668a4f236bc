"""The dialect of OpenAI's chat completions. Pure."""

from collections.abc import Iterable, Mapping, Sequence

from gateway.dialects.base import (
    Call,
    DialectStart,
    ProjectedEvent,
    Projection,
    ResponseIdentity,
)
from gateway.dialects.openai_chat.document import document
from gateway.dialects.openai_chat.errors import refusal
from gateway.dialects.openai_chat.projection import OpenAIChatProjection
from gateway.dialects.openai_chat.request import API, parse_call
from gateway.dialects.statuses import final_status
from gateway.protocol.commands import JsonObject
from gateway.protocol.errors import Refused


class OpenAIChatDialect:
    """`POST /v1/chat/completions`; see `Dialect`."""

    name = "openai_chat"
    api = API
    paths: Sequence[str] = ("/v1/chat/completions",)
    content_type = "text/event-stream"
    heartbeat = b": hb\n"
    key_parameter = ""

    def owns(self, path: str, _headers: Mapping[str, str]) -> bool:
        """See `Dialect.owns`. OpenAI's form is that of all paths below /v1 that no other dialect owns."""
        return path.startswith("/v1/")

    def parse(self, call: Call) -> DialectStart:
        """See `Dialect.parse`."""
        return parse_call(call)

    def projection(self, start: DialectStart, identity: ResponseIdentity) -> Projection:
        """See `Dialect.projection`."""
        return OpenAIChatProjection(start, identity)

    def document(self, _start: DialectStart, events: Iterable[ProjectedEvent]) -> JsonObject:
        """See `Dialect.document`."""
        return document(events)

    def status(self, refused: Refused) -> int:
        """See `Dialect.status`."""
        return final_status(refused)

    def refusal(self, refused: Refused) -> JsonObject:
        """See `Dialect.refusal`."""
        return refusal(refused)
