"""The dialect of Anthropic's Messages API. Pure."""

from collections.abc import Iterable, Mapping, Sequence

from gateway.dialects.anthropic.document import document
from gateway.dialects.anthropic.errors import refusal
from gateway.dialects.anthropic.projection import AnthropicProjection
from gateway.dialects.anthropic.request import API, parse_call
from gateway.dialects.base import Call, DialectStart, ProjectedEvent, Projection, ResponseIdentity
from gateway.dialects.statuses import final_status
from gateway.protocol.commands import JsonObject
from gateway.protocol.errors import Refused

PATH = "/v1/messages"


class AnthropicDialect:
    """`POST /v1/messages`, also with `?beta=true`; see `Dialect`."""

    name = "anthropic"
    api = API
    paths: Sequence[str] = (PATH,)
    content_type = "text/event-stream; charset=utf-8"
    heartbeat = b'event: ping\ndata: {"type": "ping"}\n\n'
    key_parameter = ""

    def owns(self, path: str, headers: Mapping[str, str]) -> bool:
        """See `Dialect.owns`. Its clients name the API's version on all paths, such as that of the models."""
        return (
            path == PATH or path.startswith(f"{PATH}/") or (path.startswith("/v1/") and "anthropic-version" in headers)
        )

    def parse(self, call: Call) -> DialectStart:
        """See `Dialect.parse`."""
        return parse_call(call)

    def projection(self, start: DialectStart, identity: ResponseIdentity) -> Projection:
        """See `Dialect.projection`."""
        return AnthropicProjection(start, identity)

    def document(self, _start: DialectStart, events: Iterable[ProjectedEvent]) -> JsonObject:
        """See `Dialect.document`."""
        return document(events)

    def status(self, refused: Refused) -> int:
        """See `Dialect.status`."""
        return final_status(refused)

    def refusal(self, refused: Refused) -> JsonObject:
        """See `Dialect.refusal`."""
        return refusal(refused)
