"""The dialect of Anthropic's Messages API."""

from collections.abc import Iterable, Mapping, Sequence

from gateway.dialects.base import (
    Call,
    DialectStart,
    ProjectedEvent,
    Projection,
    ResponseIdentity,
)
from gateway.protocol.commands import JsonObject
from gateway.protocol.errors import Refused


class AnthropicDialect:
    """See `Dialect`."""

    name = "anthropic"
    api = "anthropic"
    paths: Sequence[str] = ()
    content_type = "text/event-stream"
    heartbeat = b": hb\n"

    def owns(self, _path: str, _headers: Mapping[str, str]) -> bool:
        """See `Dialect.owns`."""
        return False

    def parse(self, call: Call) -> DialectStart:
        """See `Dialect.parse`."""
        raise NotImplementedError

    def projection(self, start: DialectStart, identity: ResponseIdentity) -> Projection:
        """See `Dialect.projection`."""
        raise NotImplementedError

    def document(self, start: DialectStart, events: Iterable[ProjectedEvent]) -> JsonObject:
        """See `Dialect.document`."""
        raise NotImplementedError

    def refusal(self, refused: Refused) -> JsonObject:
        """See `Dialect.refusal`."""
        raise NotImplementedError
