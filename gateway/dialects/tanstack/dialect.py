"""The dialect of TanStack AI. Pure."""

from collections.abc import Mapping, Sequence

from gateway.dialects.ag_ui.errors import refusal
from gateway.dialects.ag_ui.projection import AgUiProjection
from gateway.dialects.ag_ui.request import parse_call
from gateway.dialects.base import Call, DialectStart, Projection, ResponseIdentity
from gateway.dialects.statuses import final_status
from gateway.dialects.tanstack.writer import TanStackWriter
from gateway.protocol.commands import JsonObject
from gateway.protocol.errors import Refused

PATH = "/api/tanstack"


class TanStackDialect:
    """`POST /api/tanstack`; see `Dialect`. Its clients come back to a run by its id, or by that of an event."""

    name = "tanstack"
    paths: Sequence[str] = (PATH,)
    content_type = "text/event-stream"
    heartbeat = b": hb\n"
    key_parameter = ""

    def owns(self, path: str, _headers: Mapping[str, str]) -> bool:
        """See `Dialect.owns`."""
        return path == PATH or path.startswith(f"{PATH}/")

    def parse(self, call: Call) -> DialectStart:
        """See `Dialect.parse`."""
        return parse_call(call, "runId")

    def projection(self, start: DialectStart, identity: ResponseIdentity) -> Projection:
        """See `Dialect.projection`."""
        return self.replayed(start.call.body, identity)

    def replayed(self, body: JsonObject, identity: ResponseIdentity) -> Projection:
        """Return the projection of a run that was started by `body`, for a client that reads it once more."""
        return AgUiProjection(TanStackWriter(body, identity), cuts=False)

    def status(self, refused: Refused) -> int:
        """See `Dialect.status`."""
        return final_status(refused)

    def refusal(self, refused: Refused) -> JsonObject:
        """See `Dialect.refusal`."""
        return refusal(refused)
