"""The smallest API that is one: a prompt in, text out. A dialect that somebody else could have written.

`POST /prompt` with `{"prompt": "Hello", "stream": true}` gives `data: {"text":"Hi"}` for each piece, and at the end
`data: {"end":"complete"}`. Without `stream` it gives `{"text":"Hi","end":"complete"}`. A refusal is
`{"error":"…","code":"…"}`.
"""

from collections.abc import Iterable, Mapping, Sequence

import orjson

from gateway.dialects.base import Call, DialectStart, ProjectedEvent, ResponseIdentity
from gateway.dialects.ends import is_cut
from gateway.dialects.statuses import final_status
from gateway.generation.event_log import Entry
from gateway.protocol.commands import JsonObject, StartRequest, parse
from gateway.protocol.errors import Refused, invalid
from gateway.protocol.events import TEXT_PREFIX, Chunk, Complete, Error, Interrupted


class PromptProjection:
    """The log of one generation as events of this API; see `Projection`."""

    def __init__(self) -> None:
        self.is_cut = False

    def project(self, entry: Entry) -> Sequence[ProjectedEvent]:
        """See `Projection.project`."""
        if entry.kind is Chunk:
            # The text is in the log as JSON, and is copied as it is.
            return (ProjectedEvent(b'{"text":' + entry.data[len(TEXT_PREFIX[Chunk]) :]),)
        match entry.event:
            case Complete() | Interrupted() as end:
                return (ProjectedEvent(orjson.dumps({"end": end.type})),)
            case Error() as error if is_cut(error):
                self.is_cut = True
            case Error() as error:
                return (ProjectedEvent(orjson.dumps({"error": error.message})),)
        return ()


class PromptDialect:
    """See `Dialect`."""

    name = "prompt"
    # No provider has this API: its requests never carry a `VerbatimRequest`.
    api = "openai"
    paths: Sequence[str] = ("/prompt",)
    content_type = "text/event-stream"
    heartbeat = b": heartbeat\n"
    key_parameter = ""

    def owns(self, path: str, _headers: Mapping[str, str]) -> bool:
        """See `Dialect.owns`."""
        return path == "/prompt"

    def parse(self, call: Call) -> DialectStart:
        """See `Dialect.parse`."""
        unknown = sorted(call.body.keys() - {"prompt", "stream"})
        if unknown:
            message = f"{unknown[0]}: is not a field of this API"
            raise invalid(message, param=unknown[0])
        start: JsonObject = {"messages": [{"role": "user", "content": call.body.get("prompt")}]}
        return DialectStart(parse(StartRequest, start), call.body.get("stream") is True, call)

    def projection(self, _start: DialectStart, _identity: ResponseIdentity) -> PromptProjection:
        """See `Dialect.projection`."""
        return PromptProjection()

    def document(self, _start: DialectStart, events: Iterable[ProjectedEvent]) -> JsonObject:
        """See `Dialect.document`."""
        decoded = [orjson.loads(event.data) for event in events]
        return {"text": "".join(event.get("text", "") for event in decoded), **decoded[-1]}

    def status(self, refused: Refused) -> int:
        """See `Dialect.status`."""
        return final_status(refused)

    def refusal(self, refused: Refused) -> JsonObject:
        """See `Dialect.refusal`."""
        return {"error": refused.message, "code": refused.code}
