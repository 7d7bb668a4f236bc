"""The only HTTP client of the server: it connects to configured addresses and to no other.

Everything that could lead to another address, or carry state from one call to the next, is turned off: redirects are
not followed, passwords are not taken from `.netrc`, cookies are not kept, and compressed responses are not
decompressed. A proxy is used only if the caller names it (`gateway/net/proxy.py`).
"""

from collections.abc import Mapping
from io import BytesIO
from types import MappingProxyType
from typing import Final

import aiohttp
from yarl import URL

from gateway.net.http_response import HttpResponse
from gateway.net.prepared_post import MAX_BODY_BYTES, PreparedPost
from gateway.net.resolver import ThreadResolver

_HEADERS: Final = {"User-Agent": "dualstream", "Accept-Encoding": "identity"}
"""Headers of every request. A compressed stream would come in bursts, and a small body could expand to a large one."""

MAX_HEADER_BYTES: Final = 64 * 1024
"""Longest header of a response. aiohttp's own limit is 8 KB, and content security policies behind proxies exceed it."""

MAX_PREPARED: Final = 32
"""Requests that are kept prepared: clients may name any model in a URL, and give headers of an API."""

_NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})


class ProxyRefusedError(aiohttp.ClientError):
    """A proxy answered the request for a tunnel (RFC 9110, 9.3.6) with this status, not with 200."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the proxy answered {status}")
        self.status = status


class HttpClient:
    """Pool of connections to configured addresses. The owner must `close` it."""

    def __init__(self, timeout: aiohttp.ClientTimeout, connector: aiohttp.BaseConnector | None = None) -> None:
        connector = connector or aiohttp.TCPConnector(resolver=ThreadResolver())
        self._session = aiohttp.ClientSession(
            connector=connector,
            timeout=timeout,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
            max_line_size=MAX_HEADER_BYTES,
            max_field_size=MAX_HEADER_BYTES,
        )
        # aiohttp says in the head of a request that its connection is closed, and limits its time by the session.
        self._may_prepare = not (connector.force_close or timeout.total or timeout.sock_read)
        self._posts: dict[tuple[object, ...], PreparedPost] = {}
        """Requests that were prepared, by URL and headers."""

    async def request(
        self,
        method: str,
        url: URL,
        headers: Mapping[str, str],
        body: bytes | BytesIO | None = None,
        proxy: URL | None = None,
        *,
        call_headers: Mapping[str, str] = _NO_HEADERS,
    ) -> HttpResponse:
        """Send a request and return the response when its headers are read. A redirect is a response like any other.

        The user and password in the URL of a `proxy` are sent only to it. `call_headers` are those that differ from
        call to call, which `headers` do not.

        Raises:
            aiohttp.ClientError: There is no response, or it is not valid HTTP.
            ProxyRefusedError: The proxy refused to connect.
            TimeoutError: A timeout of the client expired.
        """
        try:
            if method == "POST" and proxy is None and isinstance(body, bytes) and len(body) <= MAX_BODY_BYTES:
                post = self._posts.get((url, *headers.items())) or self._prepare(url, headers)
                if post is not None:
                    return await post.send(body, call_headers)
            all_headers = {**_HEADERS, **headers, **call_headers}
            return await self._session.request(
                method, url, data=body, headers=all_headers, allow_redirects=False, proxy=proxy
            )
        except aiohttp.ClientHttpProxyError as error:
            failure: aiohttp.ClientError = ProxyRefusedError(error.status)
        except aiohttp.ClientResponseError as error:
            failure = aiohttp.ClientError(error.message)
        # Raised outside the handler, so that it has no context: aiohttp's error holds the request's headers, which
        # include the API key.
        raise failure

    def _prepare(self, url: URL, headers: Mapping[str, str]) -> PreparedPost | None:
        """Prepare a request to be sent with different bodies; return None if that is not possible."""
        if not self._may_prepare or not PreparedPost.is_possible(url):
            return None
        if len(self._posts) >= MAX_PREPARED:
            self._posts.clear()
        post = PreparedPost(self._session, url, {**_HEADERS, **headers}, MAX_HEADER_BYTES)
        self._posts[(url, *headers.items())] = post
        return post

    @property
    def connector(self) -> aiohttp.BaseConnector | None:
        """Return the pool of connections."""
        return self._session.connector

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()
