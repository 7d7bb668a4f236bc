"""Calls to providers over HTTP: connection pools, requests with a JSON body, streamed responses."""

import io

import aiohttp
import orjson
from pydantic import SecretStr
from yarl import URL

from gateway.net.http_client import HttpClient
from gateway.upstreams.base import DEFAULT_EVENT_BYTES, UpstreamRequest
from gateway.upstreams.body_start import EVENT_STREAM
from gateway.upstreams.connections import (
    ConnectionLimits,
    TrackingConnector,
    UpstreamConnection,
    drop_headers,
    is_event_stream,
)
from gateway.upstreams.errors import from_response, from_transport, is_compressed
from gateway.upstreams.formats.base import WireFormat
from gateway.upstreams.response import StreamedResponse

MAX_SINGLE_WRITE = 64 * 1024
"""Largest body, in bytes, that is sent in a single write."""


class HttpUpstream:
    """A server that takes a JSON body by POST and streams text/event-stream, in a `WireFormat`. See `Upstream`."""

    def __init__(
        self,
        name: str,
        base_url: str,
        wire_format: WireFormat,
        api_key: SecretStr | None = None,
        limits: ConnectionLimits | None = None,
        max_event_bytes: int = DEFAULT_EVENT_BYTES,
    ) -> None:
        self.name = name
        self.base_url = base_url
        self._wire_format = wire_format
        self._api_key = api_key
        self._limits = limits or ConnectionLimits()
        self._max_event_bytes = max_event_bytes
        self._clients: dict[bool, HttpClient] = {}
        """Two pools: True keeps connections for further requests, False closes each after its request."""

    def can_continue(self, request: UpstreamRequest) -> bool:
        """See `Upstream.can_continue`."""
        return self._wire_format.can_continue(request)

    async def open(self, request: UpstreamRequest) -> StreamedResponse:
        """Send a request and wait for the response headers; see `Upstream.open`."""
        connection = UpstreamConnection()
        try:
            url = self._url(request)
            response = await self._post(url, orjson.dumps(self._wire_format.body(request)), connection)
            if not 200 <= response.status < 300 or is_compressed(response):
                raise await from_response(response, self._api_key)
        except BaseException:
            # Cancellation, too: the connection must not outlive the call.
            await connection.abort()
            raise
        content_type = EVENT_STREAM if is_event_stream(response) else response.content_type
        drop_headers(response)
        reader = self._wire_format.reader(self._api_key)
        return StreamedResponse(
            request.model, connection, response.content, reader, self._max_event_bytes, content_type
        )

    async def close(self) -> None:
        """Close all connections."""
        for client in self._clients.values():
            await client.close()

    def _url(self, request: UpstreamRequest) -> URL:
        try:
            return self._wire_format.endpoint(request).resolve(self.base_url)
        except ValueError as error:
            raise from_transport(error, opened=False) from error

    async def _post(self, url: URL, body: bytes, connection: UpstreamConnection) -> aiohttp.ClientResponse:
        """Send a request, and once more over a new connection if a reused one is lost before any response.

        A server may close a kept connection at any time (RFC 9112, 9.3.1), and the request can cross with that close:
        llama.cpp announces keep-alive and closes after each stream. Without the second attempt, the client would see an
        error that says nothing about the provider. A server that breaks a reused connection because of this very
        request is called twice, no more: on the new connection the loss is an error.
        """
        try:
            return await self._post_once(url, body, connection, keep=True)
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
            if not connection.reused:
                raise from_transport(error, opened=False) from error
            await connection.abort()
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise from_transport(error, opened=False) from error
        try:
            return await self._post_once(url, body, connection, keep=False)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise from_transport(error, opened=False) from error

    async def _post_once(
        self, url: URL, body: bytes, connection: UpstreamConnection, *, keep: bool
    ) -> aiohttp.ClientResponse:
        client = self._clients.get(keep) or self._create_client(keep=keep)
        # aiohttp writes bytes at once but a file in pieces: a large body in one write would hold up the event loop.
        data = body if len(body) <= MAX_SINGLE_WRITE else io.BytesIO(body)
        with connection.track():
            connection.response = await client.request("POST", url, self._headers(), data)
        return connection.response

    def _create_client(self, *, keep: bool) -> HttpClient:
        limits = self._limits
        # Only connecting is limited here. The pipeline's watchdog limits how long a response may take.
        timeout = aiohttp.ClientTimeout(total=None, connect=None, sock_connect=limits.connect_timeout, sock_read=None)
        self._clients[keep] = HttpClient(timeout, TrackingConnector(limits, keep=keep))
        return self._clients[keep]

    def _headers(self) -> dict[str, str]:
        key = self._api_key
        return {
            "Content-Type": "application/json",
            "Accept": "text/event-stream",
            **self._wire_format.headers(None if key is None else key.get_secret_value()),
        }
