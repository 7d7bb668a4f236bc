"""The dialect of AG-UI. Pure."""

from collections.abc import Mapping, Sequence

from gateway.dialects.ag_ui.errors import refusal
from gateway.dialects.ag_ui.joined import JoinedProjection
from gateway.dialects.ag_ui.projection import AgUiProjection
from gateway.dialects.ag_ui.request import parse_call
from gateway.dialects.ag_ui.writer import EventWriter
from gateway.dialects.base import Call, DialectStart, Projection, ResponseIdentity
from gateway.dialects.fields import malformed
from gateway.dialects.statuses import final_status
from gateway.protocol.commands import JsonObject
from gateway.protocol.errors import Refused

PATH = "/api/ag-ui"


class AgUiDialect:
    """`POST /api/ag-ui`; see `Dialect`. Its clients come back to a run by the id of their thread."""

    name = "ag_ui"
    paths: Sequence[str] = (PATH,)
    content_type = "text/event-stream"
    heartbeat = b": hb\n"
    key_parameter = ""

    def owns(self, path: str, _headers: Mapping[str, str]) -> bool:
        """See `Dialect.owns`."""
        return path == PATH or path.startswith(f"{PATH}/")

    def parse(self, call: Call) -> DialectStart:
        """See `Dialect.parse`."""
        if call.body.get("resume"):
            raise malformed("resume", "answers an interrupt, and no run here waits for one: leave it out")
        return parse_call(call, "threadId")

    def projection(self, start: DialectStart, identity: ResponseIdentity) -> Projection:
        """See `Dialect.projection`."""
        return AgUiProjection(EventWriter(start.call.body, identity), cuts=True)

    def joined(self, body: JsonObject, identity: ResponseIdentity, reached: int) -> Projection:
        """Return the projection for a client that joins a run, which was started by `body` and has reached a number."""
        writer = EventWriter(body, identity)
        return JoinedProjection(AgUiProjection(writer, cuts=False), writer, reached)

    def status(self, refused: Refused) -> int:
        """See `Dialect.status`."""
        return final_status(refused)

    def refusal(self, refused: Refused) -> JsonObject:
        """See `Dialect.refusal`."""
        return refusal(refused)
