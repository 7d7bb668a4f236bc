"""Drop what aiohttp keeps of a response that streams: kilobytes of headers, and queues that are nearly always empty.

A stream may be silent for minutes, and there may be thousands of them. aiohttp has no public way to do it.
"""

from collections import deque
from typing import Any, Final, TypeVar

import aiohttp
from aiohttp.streams import EMPTY_PAYLOAD
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from gateway.net.http_response import HttpResponse, PostResponse

T = TypeVar("T")

MAX_SHORT: Final = 64
"""Length up to which removing the first element of a list costs no more than that of a deque."""

_NO_REQUEST: Final = aiohttp.RequestInfo(URL(), "POST", CIMultiDictProxy(CIMultiDict[str]()), URL())


class ShortQueue(list[T]):
    """A list in place of a deque, which takes 760 bytes even when it is empty."""

    __slots__ = ()

    def popleft(self) -> T:
        """Remove and return the oldest element."""
        return self.pop(0)


def content_type_of(response: HttpResponse) -> str:
    """Return the type of a body in small letters, without its parameters; "" if there is none.

    aiohttp's own `content_type` would keep 1.7 KB with the response, for as long as it streams.
    """
    return response.headers.get("Content-Type", "").partition(";")[0].strip().lower()


def lighten(response: HttpResponse) -> None:
    """Drop the headers of a response and its request, and replace the queues of its body."""
    if isinstance(response, PostResponse):
        response.headers = _NO_REQUEST.headers
    elif isinstance(response, aiohttp.ClientResponse):
        response._request_info = _NO_REQUEST  # noqa: SLF001
        response._headers, response._raw_headers = _NO_REQUEST.headers, ()  # noqa: SLF001
        # `response.headers` keeps what it returned.
        response._cache.clear()  # noqa: SLF001
    replace_queues(response.content)


def replace_queues(body: aiohttp.StreamReader) -> None:
    """Replace the queues of a body by shorter ones."""
    if body is not EMPTY_PAYLOAD:
        _replace_queues(body, ShortQueue)


def read_available(body: aiohttp.StreamReader) -> bytes:
    """Return what has arrived of the body of such a response, however many pieces it came in."""
    # That of a response without a body (204, say) has no queue.
    if body is not EMPTY_PAYLOAD and len(body._buffer) > MAX_SHORT:  # noqa: SLF001
        _replace_queues(body, deque)
    return body.read_nowait()


def _replace_queues(body: aiohttp.StreamReader, queue: type[Any]) -> None:
    """Replace the queue of a body's pieces, and that of the ends of its chunks, if it comes in chunks."""
    body._buffer = queue(body._buffer)  # noqa: SLF001
    if body._http_chunk_splits is not None:  # noqa: SLF001
        body._http_chunk_splits = queue(body._http_chunk_splits)  # noqa: SLF001
