"""One request and its response: uvicorn's cycle, with a faster way to begin a response that is streamed."""

from typing import Final, Protocol

from uvicorn._types import ASGISendEvent
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

_FRAMING: Final = frozenset({b"content-length", b"transfer-encoding", b"connection"})
"""Headers that say where a response ends."""
_BODILESS: Final = frozenset({204, 304})
_CHUNKED: Final = b"transfer-encoding: chunked\r\n\r\n"


class HeadWriter(Protocol):
    """Writes the head of a response together with what follows at once: the transport sends each write by itself."""

    def begin(self, head: bytes) -> None:
        """Write a head, at the end of this turn of the event loop at the latest."""
        ...

    def write_head(self) -> None:
        """Write the head now, if it is not written yet."""
        ...


class ResponseCycle(RequestResponseCycle):
    """Writes the head of a streamed response in one step; everything else is uvicorn's.

    uvicorn searches each name and value for control characters, as the application has done (`ValidatedSend`), and
    compares each name with those that say where the response ends.
    """

    head_writer: HeadWriter | None = None
    """Set by a connection whose streams do not come through `send`."""

    async def send(self, message: ASGISendEvent) -> None:
        """Send a message of the application."""
        if message["type"] == "http.response.start" and self._may_stream(message["status"]):
            headers = [*self.default_headers, *message.get("headers", ())]
            # Names are in lower case (ASGI, "Response Start"): the application makes sure of that, too.
            if _FRAMING.isdisjoint(dict(headers)):
                self.response_started, self.waiting_for_100_continue = True, False
                self.chunked_encoding = True
                fields = [b"%b: %b\r\n" % header for header in headers]
                head = b"".join((STATUS_LINE[message["status"]], *fields, _CHUNKED))
                if self.head_writer is not None:
                    self.head_writer.begin(head)
                else:
                    self.transport.write(head)
                return
        if self.head_writer is not None:
            self.head_writer.write_head()
        await super().send(message)

    def _may_stream(self, status: int) -> bool:
        return (
            self.keep_alive
            and status not in _BODILESS
            and self.chunked_encoding is None
            and self.scope["method"] != "HEAD"
            and not (self.response_started or self.disconnected or self.flow.write_paused or self.access_log)
        )
