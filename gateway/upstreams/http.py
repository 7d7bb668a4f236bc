"""Call a provider over HTTP: connections kept and replaced, bodies posted, answers opened."""

import io

import aiohttp
import orjson
from pydantic import SecretStr
from yarl import URL

from gateway.net.http_client import HttpClient
from gateway.upstreams.base import UpstreamRequest
from gateway.upstreams.connections import (
    ConnectionLimits,
    TrackingConnector,
    UpstreamConnection,
    forget_headers,
    is_event_stream,
)
from gateway.upstreams.errors import from_transport, is_packed, of_answer
from gateway.upstreams.formats.base import WireFormat
from gateway.upstreams.response import StreamedResponse

PIECE_BYTES = 64 * 1024
"""A body up to this size is sent in one piece."""


class HttpUpstream:
    """Any server that is posted a JSON body and streams its answer as text/event-stream, spelled by a `WireFormat`."""

    def __init__(
        self,
        name: str,
        base_url: str,
        wire: WireFormat,
        api_key: SecretStr | None = None,
        limits: ConnectionLimits | None = None,
    ) -> None:
        self.name = name
        self.base_url = base_url
        self._wire = wire
        self._api_key = api_key
        self._limits = limits or ConnectionLimits()
        self._clients: dict[bool, HttpClient] = {}
        """By whether their connections are kept for further calls."""

    def can_continue(self, call: UpstreamRequest) -> bool:
        """Tell whether a call whose last message is the assistant's can be continued natively."""
        return self._wire.can_continue(call)

    async def open(self, call: UpstreamRequest) -> StreamedResponse:
        """Call it and wait for the headers; see `Upstream.open`."""
        line = UpstreamConnection()
        try:
            url = self._url(call)
            response = await self._post(url, orjson.dumps(self._wire.body(call)), line)
            if response.status != 200 or not is_event_stream(response) or is_packed(response):
                raise await of_answer(response, self._api_key)
        except BaseException:
            await line.hang_up()
            raise
        forget_headers(response)
        return StreamedResponse(call.model, line, response.content, self._wire.reader(self._api_key))

    async def close(self) -> None:
        """Close all connections."""
        for client in self._clients.values():
            await client.close()

    def _url(self, call: UpstreamRequest) -> URL:
        try:
            return self._wire.endpoint(call).below(self.base_url)
        except ValueError as error:
            raise from_transport(error, opened=False) from error

    async def _post(self, url: URL, body: bytes, line: UpstreamConnection) -> aiohttp.ClientResponse:
        try:
            return await self._post_once(url, body, line, keep=True)
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
            # A kept connection that its server had closed meanwhile, as llama.cpp does after each stream; or one whose
            # server broke it for this call. Of neither has a byte of an answer come: ask once more, over a fresh one.
            if not line.kept:
                raise from_transport(error, opened=False) from error
            await line.hang_up()
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise from_transport(error, opened=False) from error
        try:
            return await self._post_once(url, body, line, keep=False)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise from_transport(error, opened=False) from error

    async def _post_once(
        self, url: URL, body: bytes, line: UpstreamConnection, *, keep: bool
    ) -> aiohttp.ClientResponse:
        client = self._clients.get(keep) or self._connect(keep=keep)
        # As a file it goes out in pieces: a large one at once would hold everybody up.
        data = body if len(body) <= PIECE_BYTES else io.BytesIO(body)
        with line.dialling():
            line.response = await client.request("POST", url, self._headers(), data)
        return line.response

    def _connect(self, *, keep: bool) -> HttpClient:
        limits = self._limits
        # Only connecting is bounded here: how long an answer may take is the pipeline's business.
        timeout = aiohttp.ClientTimeout(total=None, connect=None, sock_connect=limits.connect_timeout, sock_read=None)
        self._clients[keep] = HttpClient(timeout, TrackingConnector(limits, keep=keep))
        return self._clients[keep]

    def _headers(self) -> dict[str, str]:
        key = self._api_key
        return {
            "Content-Type": "application/json",
            "Accept": "text/event-stream",
            **self._wire.headers(None if key is None else key.get_secret_value()),
        }
