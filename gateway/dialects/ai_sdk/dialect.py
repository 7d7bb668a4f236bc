"""The dialect of the AI SDK's UI message stream. Pure."""

from collections.abc import Mapping, Sequence

from gateway.dialects.ai_sdk.errors import sentence
from gateway.dialects.ai_sdk.projection import AiSdkProjection
from gateway.dialects.ai_sdk.request import knows_reset, message_id_of, parse_call
from gateway.dialects.base import Call, DialectStart, Projection, ResponseIdentity
from gateway.protocol.commands import JsonObject
from gateway.protocol.errors import Refused

PATH = "/api/ai-sdk/chat"


class AiSdkDialect:
    """`POST /api/ai-sdk/chat`; see `Dialect`."""

    name = "ai_sdk"
    paths: Sequence[str] = (PATH,)
    content_type = "text/event-stream"
    heartbeat = b": hb\n"
    key_parameter = ""

    def owns(self, path: str, _headers: Mapping[str, str]) -> bool:
        """See `Dialect.owns`."""
        return path == PATH or path.startswith(f"{PATH}/")

    def parse(self, call: Call) -> DialectStart:
        """See `Dialect.parse`."""
        knows_reset(call.headers)
        return parse_call(call)

    def projection(self, start: DialectStart, identity: ResponseIdentity) -> Projection:
        """See `Dialect.projection`."""
        message_id = message_id_of(identity.generation_id, start.request.metadata)
        return AiSdkProjection(identity, message_id, resets=knows_reset(start.call.headers))

    def status(self, refused: Refused) -> int:
        """See `Dialect.status`. The SDK repeats no request of a chat by itself."""
        return refused.status

    def refusal(self, refused: Refused) -> JsonObject:
        """See `Dialect.refusal`."""
        return {"error": dict[str, object](refused.fields())}  # type: ignore[dict-item]

    def refusal_text(self, refused: Refused) -> str:
        """See `PlainRefusals.refusal_text`."""
        return sentence(refused)
