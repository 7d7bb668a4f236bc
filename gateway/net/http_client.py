"""The one way out: HTTP to an address of the configuration, and to no other.

All that could lead elsewhere, or carry something from one call to the next, is left out here once: no redirect is
followed, no proxy and no password is taken from the environment or from a `.netrc`, no cookie is kept, and nothing that
comes compressed is unpacked.
"""

from collections.abc import Mapping
from io import BytesIO
from typing import Final

import aiohttp
from yarl import URL

_ALWAYS: Final = {"User-Agent": "dualstream", "Accept-Encoding": "identity"}
"""With every request. A stream that is compressed comes in lumps, and a small body could unpack to a large one."""


class HttpClient:
    """Connections for requests to configured addresses. Whoever makes one must `close` it."""

    def __init__(self, timeout: aiohttp.ClientTimeout, connector: aiohttp.BaseConnector | None = None) -> None:
        self._session = aiohttp.ClientSession(
            connector=connector,
            timeout=timeout,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
        )

    async def request(
        self, method: str, url: URL, headers: Mapping[str, str], body: bytes | BytesIO | None = None
    ) -> aiohttp.ClientResponse:
        """Send a request, and give the answer once its head has come; a redirect is an answer like any other.

        Raises:
            aiohttp.ClientError: there is none, or none that can be read.
            TimeoutError: it took too long.
        """
        try:
            return await self._session.request(
                method, url, data=body, headers={**_ALWAYS, **headers}, allow_redirects=False
            )
        except aiohttp.ClientResponseError as error:
            unreadable = aiohttp.ClientError(error.message)
        # The library's own error holds what was sent, the key with it, and shows it to whoever looks.
        raise unreadable

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()
