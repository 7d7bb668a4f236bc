"""A request whose head and body are sent in one write, at once.

aiohttp writes a body in a task of its own, which on Python 3.11 runs in the next turn of the event loop. A body that
fits into the buffer of the socket never waits: its task would do nothing but this one write.
"""

from typing import Final

from aiohttp import ClientRequest, ClientResponse
from aiohttp.connector import Connection
from aiohttp.http_writer import StreamWriter
from aiohttp.payload import BytesPayload

MAX_BODY_BYTES: Final = 32 * 1024
"""Longest body that is sent in one write: together with its head less than the 64 KiB that transports buffer."""


class OneWriteRequest(ClientRequest):
    """A request of aiohttp that sends a short body together with its head; see `ClientSession.request_class`."""

    async def send(self, conn: Connection) -> ClientResponse:
        """Send the request, and return its response, which is yet to be received."""
        protocol, body = conn.protocol, self.body
        if (
            not isinstance(body, BytesPayload)
            or (body.size or 0) > MAX_BODY_BYTES
            or self.proxy is not None
            or protocol is None
            or protocol.writing_paused
        ):
            return await super().send(conn)
        writer = StreamWriter(protocol, self.loop)
        await writer.write_headers(f"{self.method} {self.url.raw_path_qs} HTTP/1.1", self.headers)
        await writer.write_eof(await body.as_bytes())
        protocol.start_timeout()
        return self.response_class(
            self.method,
            self.original_url,
            writer=None,
            continue100=None,
            timer=self._timer,
            request_info=self.request_info,
            traces=self._traces,
            loop=self.loop,
            session=self._session,
            stream_writer=writer,
        )
