"""Calls to providers over HTTP: connection pools, requests with a JSON body, streamed responses."""

import asyncio
import io
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Final

import aiohttp
import orjson
from pydantic import Secret, SecretStr
from yarl import URL

from gateway.log_fields import log_fields
from gateway.log_throttle import KeyedLogThrottle
from gateway.net.http_client import HttpClient, ProxyRefusedError
from gateway.net.http_response import HttpResponse
from gateway.net.proxy import Proxy
from gateway.protocol.commands import JsonObject
from gateway.protocol.errors import Code, Failed, GatewayFault, UnsupportedOption
from gateway.upstreams.base import DEFAULT_EVENT_BYTES, UpstreamRequest
from gateway.upstreams.body_start import EVENT_STREAM
from gateway.upstreams.connections import (
    ConnectionLimits,
    TrackingConnector,
    UpstreamConnection,
)
from gateway.upstreams.documents import DocumentRequest, read_document
from gateway.upstreams.errors.billable import may_be_billed
from gateway.upstreams.errors.failures import FAILURE_EVENTS
from gateway.upstreams.errors.network import Step, from_connection
from gateway.upstreams.errors.refusals import from_response, is_success, read_error_body
from gateway.upstreams.formats.base import AdaptableFormat, WireFormat
from gateway.upstreams.formats.refused_fields import SETTINGS, refused_field
from gateway.upstreams.light_response import content_type_of, lighten
from gateway.upstreams.response import StreamedResponse

logger = logging.getLogger(__name__)

MAX_SINGLE_WRITE = 64 * 1024
"""Largest body, in bytes, that is sent in a single write."""

MAX_RESENDS = 2
"""How often one request is sent again without a field that the provider refuses: once for each that can be."""

MAX_ADAPTED_MODELS = 256
"""Models of a provider whose adapted requests are remembered: clients may name any model."""

_LOST: Final = (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError, aiohttp.ClientConnectionResetError)
"""Errors of a connection that was lost."""

_NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})

FILES_ADVICE: Final = (
    "Too many open files: raise the limit of the process (ulimit -n, or LimitNOFILE of its service), or lower "
    "max_concurrent"
)
"""What operators read where clients read that the gateway has no free file."""


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
        *,
        proxy: Proxy | None = None,
        key_variable: str = "",
    ) -> None:
        """`key_variable` is the environment variable that holds the key; "" if there is none."""
        self.name = name
        self.base_url = base_url
        self._wire_format = wire_format
        self._adapted: dict[str, WireFormat] = {}
        """Wire formats without the fields that the provider refused, by model."""
        self._api_key = api_key
        key_headers = wire_format.headers(None if api_key is None else api_key.get_secret_value())
        self._headers = Secret({"Content-Type": "application/json", **key_headers, "Accept": EVENT_STREAM})
        """Those of a request that streams; one of them is the key."""
        self._key_variable = key_variable
        self._limits = limits or ConnectionLimits()
        self._max_event_bytes = max_event_bytes
        self._proxy = proxy or Proxy()
        self._clients: dict[bool, HttpClient] = {}
        """Two pools: True keeps connections for further requests, False closes each after its request."""
        self._log_throttle = KeyedLogThrottle()
        """By message: each of them is one of a few constants."""

    @property
    def api(self) -> str:
        """Return the name of the provider's API in the settings."""
        return self._wire_format.api

    def can_continue(self, request: UpstreamRequest) -> bool:
        """See `Upstream.can_continue`."""
        return self._wire_format.can_continue(request)

    def url(self, request: UpstreamRequest) -> URL:
        """Return the URL of a request. It contains no secret.

        Raises:
            Failed: the base URL is invalid, or the model's name can't be a part of a URL.
        """
        try:
            return self._wire_format.endpoint(request).resolve(self.base_url)
        except ValueError as error:
            raise from_connection(error, Step.RESOLVE) from error

    async def open(self, request: UpstreamRequest) -> StreamedResponse:
        """Send a request and wait for the response headers; see `Upstream.open`.

        A provider that refuses a field, which it can do without, is sent the request again without it. The refusal
        costs nothing: to clients the two are one attempt. What was learned holds for all requests to this model.
        """
        connection, url = UpstreamConnection(), self.url(request)
        wire_format, refused = self._adapted.get(request.model, self._wire_format), list[str]()
        try:
            headers = self._headers_for(request)
            while True:
                # No reference to the decoded body is kept: it takes up to four times the memory of the encoded one.
                data, fields = _encode(wire_format.body(request))
                response = await self._send(url, headers, data, connection, request.trace_headers)
                if is_success(response):
                    break
                if len(refused) == MAX_RESENDS or not isinstance(wire_format, AdaptableFormat):
                    raise await self._refused(response, None)
                refused.append(await self._refused_field(response, fields))
                await connection.abort()
                wire_format = wire_format.without(refused[-1])
        except Failed as failure:
            await connection.abort()
            self._log(failure, url)
            raise
        except BaseException:
            # Cancellation, too: the connection must not outlive the call.
            await connection.abort()
            raise
        if refused:
            self._remember(request.model, wire_format, refused)
        content_type = content_type_of(response)
        lighten(response)
        return StreamedResponse(
            request.model,
            connection,
            response.content,
            self._wire_format.reader(self._api_key),
            self._max_event_bytes,
            content_type,
            verbatim=request.passes_on(self._wire_format.api),
        )

    async def fetch(self, request: DocumentRequest) -> bytes:
        """Send a request that is answered with a document; see `DocumentUpstream.fetch`."""
        connection = UpstreamConnection()
        try:
            url = request.endpoint.resolve(self.base_url)
        except ValueError as error:
            raise from_connection(error, Step.RESOLVE) from error
        try:
            data = None if request.body is None else orjson.dumps(request.body)
            headers = {**self._headers.get_secret_value(), "Accept": "application/json", **request.headers}
            response = await self._send(url, headers, data, connection)
            if not is_success(response):
                raise await self._refused(response, None)
            return await read_document(response, self._max_event_bytes)
        except Failed as failure:
            self._log(failure, url)
            raise
        finally:
            await connection.abort()

    @property
    def max_connections(self) -> int:
        """Return the maximum number of connections of each pool; 0 means no limit."""
        return self._limits.connections

    def connections(self) -> tuple[int, int]:
        """Return the number of connections that requests use, and that are kept for the next ones."""
        connectors = [client.connector for client in self._clients.values()]
        counts = [connector.counts() for connector in connectors if isinstance(connector, TrackingConnector)]
        return sum(used for used, _ in counts), sum(idle for _, idle in counts)

    async def close(self) -> None:
        """Close all connections."""
        for client in self._clients.values():
            await client.close()

    def _headers_for(self, request: UpstreamRequest) -> Mapping[str, str]:
        """Return the headers of a request, without those of its trace.

        Raises:
            UnsupportedOption: the client asks for what only the providers of its own API have.
        """
        headers, verbatim = self._headers.get_secret_value(), request.verbatim
        if verbatim is None:
            return headers
        if verbatim.api == self._wire_format.api:
            return {**headers, **verbatim.headers}
        if verbatim.only:
            raise UnsupportedOption(verbatim.only, verbatim.only.partition(":")[0])
        return headers

    async def _refused_field(self, response: HttpResponse, fields: Collection[str]) -> str:
        """Return the field that a response refuses, of those that were sent, if it can be left out.

        Raises:
            Failed: it refuses something else.
        """
        refusal = await read_error_body(response) if response.status in {400, 422} else None
        field = None if refusal is None else refused_field(fields, refusal)
        if field is None:
            raise await self._refused(response, refusal)
        return field

    def _remember(self, model: str, wire_format: WireFormat, refused: Sequence[str]) -> None:
        """Remember the wire format with which a model answers, and log what it refused."""
        while len(self._adapted) >= MAX_ADAPTED_MODELS:
            del self._adapted[next(iter(self._adapted))]
        self._adapted[model] = wire_format
        for field in refused:
            advice, setting = "", SETTINGS.get(field)
            if setting is not None:
                advice = f". {setting} (without a table of it: upstream_{setting}) spares that first request"
            logger.warning(
                "%s refuses %s for the model %s: it is not sent again%s",
                *(self.name, field, model, advice),
                extra=log_fields("field_refused", provider=self.name, field=field, model=model, setting=setting),
            )

    async def _refused(self, response: HttpResponse, body: bytes | None) -> Failed:
        """Return the failure of a response that is no success, or is compressed."""
        if response.status == 407:
            # Only a proxy sends it (RFC 9110, 15.5.8), in place of the response to a request that is not encrypted.
            return from_connection(ProxyRefusedError(407), Step.SEND, proxied=True)
        failure = await from_response(response, self._api_key, body)
        failure.may_be_billed = may_be_billed(response.status)
        return failure

    async def _send(
        self,
        url: URL,
        headers: Mapping[str, str],
        body: bytes | None,
        connection: UpstreamConnection,
        trace_headers: Mapping[str, str] = _NO_HEADERS,
    ) -> HttpResponse:
        """Send a request, and once more over a new connection if it was lost on one that was closed before.

        It is a POST, or without a body a GET.
        llama.cpp announces keep-alive and closes after each stream: without the second try, the client would see an
        error that says nothing about the provider. See `STALE_SECONDS` for what counts as closed before.
        """
        keep = True
        while True:
            # aiohttp writes bytes at once but a file in pieces: a large body in one write would hold up the event loop.
            data = body if body is None or len(body) <= MAX_SINGLE_WRITE else _LargeBody(body, connection.on_write)
            method = "GET" if body is None else "POST"
            client = self._clients.get(keep) or self._create_client(keep=keep)
            try:
                with connection:
                    proxy = self._proxy.url_for(url)
                    response = await client.request(method, url, headers, data, proxy, call_headers=trace_headers)
            except (aiohttp.ClientError, TimeoutError, ValueError) as error:
                if not (keep and isinstance(error, _LOST) and connection.was_stale(self._limits.stale)):
                    raise self._not_answered(error, connection, url) from error
                keep = False
                await connection.abort()
            else:
                connection.response = response
                return response

    def _not_answered(self, error: Exception, connection: UpstreamConnection, url: URL) -> Failed:
        """Return the failure of a request without a response."""
        is_proxied = isinstance(error, aiohttp.ClientError | TimeoutError) and self._proxy.url_for(url) is not None
        is_sent = connection.step is Step.SEND
        # What is sent through a tunnel is lost by the provider, as far as can be seen.
        is_proxied = is_proxied and not (is_sent and url.scheme == "https")
        failure = from_connection(error, connection.step, proxied=is_proxied)
        failure.may_be_billed = is_sent
        return failure

    def _create_client(self, *, keep: bool) -> HttpClient:
        # Only connecting is limited, by the connector. The pipeline's watchdog limits how long a response may take.
        timeout = aiohttp.ClientTimeout(total=None, connect=None, sock_connect=None, sock_read=None)
        self._clients[keep] = HttpClient(timeout, TrackingConnector(self._limits, keep=keep))
        return self._clients[keep]

    def _log(self, failure: Failed, url: URL) -> None:
        """Log a failure that operators can mend, once in a while: clients can't, and see no address."""
        if failure.code not in FAILURE_EVENTS and not isinstance(failure, GatewayFault):
            return
        if self._log_throttle.is_due(failure.message, asyncio.get_running_loop().time()):
            logger.warning(
                "%s: %s: %s%s",
                *(self.name, url, failure.message, self._advice(failure)),
                extra=log_fields(
                    "too_many_open_files" if isinstance(failure, GatewayFault) else FAILURE_EVENTS[failure.code],
                    provider=self.name,
                    url=str(url),
                    code=failure.code.value,
                    reason=failure.message,
                ),
            )

    def _advice(self, failure: Failed) -> str:
        """Return what an operator needs beside a message that clients get too: they must not learn of variables."""
        if isinstance(failure, GatewayFault):
            return f" {FILES_ADVICE}."
        if failure.code is not Code.PROVIDER_AUTH or not self._key_variable:
            return ""
        state = "" if self._api_key is not None else ", which is not set"
        return f" The variable is {self._key_variable}{state}."


def _encode(body: JsonObject) -> tuple[bytes, frozenset[str]]:
    """Return a body as JSON, and the names of its fields."""
    return orjson.dumps(body), frozenset(body)


class _LargeBody(io.BytesIO):
    """A body that is sent in pieces; `on_read` is called for each."""

    def __init__(self, body: bytes, on_read: Callable[[], None]) -> None:
        super().__init__(body)
        self._on_read = on_read

    def read(self, size: int | None = -1, /) -> bytes:
        """Return the next piece."""
        self._on_read()
        return super().read(size)
