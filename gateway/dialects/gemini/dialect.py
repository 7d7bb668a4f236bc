"""The dialect of Google's Gemini API. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from gateway.dialects.base import (
    Call,
    DialectStart,
    ProjectedEvent,
    Projection,
    ResponseIdentity,
)
from gateway.dialects.gemini.document import document
from gateway.dialects.gemini.errors import refusal
from gateway.dialects.gemini.projection import GeminiProjection
from gateway.dialects.gemini.request import API, parse_call
from gateway.dialects.statuses import final_status
from gateway.protocol.commands import JsonObject
from gateway.protocol.errors import Code, Refused

_METHODS: Final = (":generateContent", ":streamGenerateContent", ":countTokens", ":embedContent", ":batchEmbedContents")


class GeminiDialect:
    """`POST /v1beta/models/{model}:streamGenerateContent`, and `:generateContent`, also under /v1; see `Dialect`."""

    name = "gemini"
    api = API
    paths: Sequence[str] = tuple(
        f"/{version}/models/{{model:model}}{method}" for version in ("v1beta", "v1") for method in _METHODS[:2]
    )
    content_type = "text/event-stream"
    # Google's libraries take any line but data for an error, and skip empty ones.
    heartbeat = b"\n"
    key_parameter = "key"
    # A blocked prompt has feedback and no candidates.
    answered = frozenset({Code.CONTENT_FILTER})

    def owns(self, path: str, headers: Mapping[str, str]) -> bool:
        """See `Dialect.owns`. Of what is below /v1, a method or the header of Google's key tells it apart."""
        is_shared = path.startswith("/v1/") and (path.endswith(_METHODS) or "x-goog-api-key" in headers)
        return is_shared or path.startswith("/v1beta/")

    def parse(self, call: Call) -> DialectStart:
        """See `Dialect.parse`."""
        return parse_call(call)

    def projection(self, start: DialectStart, identity: ResponseIdentity) -> Projection:
        """See `Dialect.projection`."""
        return GeminiProjection(start, identity)

    def document(self, _start: DialectStart, events: Iterable[ProjectedEvent]) -> JsonObject:
        """See `Dialect.document`."""
        return document(events)

    def status(self, refused: Refused) -> int:
        """See `Dialect.status`."""
        return final_status(refused)

    def refusal(self, refused: Refused) -> JsonObject:
        """See `Dialect.refusal`."""
        return refusal(refused)
