"""Calls of a provider's other endpoints, which are answered with one JSON document: embeddings, counts of tokens."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol, runtime_checkable

import aiohttp

from gateway.net.http_response import HttpResponse
from gateway.protocol.commands import JsonObject
from gateway.protocol.errors import Code, Failed
from gateway.upstreams.endpoint import Endpoint
from gateway.upstreams.errors.failures import unreadable

BROKEN_OFF: Final = "The connection to the provider was lost before the end of its response."


@dataclass(frozen=True, slots=True)
class DocumentRequest:
    """A request to an endpoint: a POST, or without a body a GET.

    `headers` belong to the API of the provider; no credential is among them.
    """

    endpoint: Endpoint
    body: JsonObject | None
    headers: Mapping[str, str] = field(default_factory=dict)


@runtime_checkable
class DocumentUpstream(Protocol):
    """An upstream that can also call other endpoints of its provider. `api` is the provider's API in the settings."""

    name: str
    api: str

    async def fetch(self, request: DocumentRequest) -> bytes:
        """Send a request, and return the document that answers it, as it came.

        Raises:
            Failed: the provider refused it, could not be reached, or sent what can't be passed on.
        """
        ...


async def read_document(response: HttpResponse, max_bytes: int) -> bytes:
    """Read a response to its end.

    Raises:
        Failed: it is larger than `max_bytes`, ends early, or is no JSON object.
    """
    document = bytearray()
    try:
        while data := await response.content.readany():
            document += data
            if len(document) > max_bytes:
                message = f"The provider's response has more than {max_bytes} bytes, the limit of max_event_bytes."
                raise Failed(Code.EVENT_TOO_LARGE, message)
    except aiohttp.ClientError as error:
        raise Failed(Code.NETWORK_ERROR, BROKEN_OFF) from error
    if not document.lstrip().startswith(b"{"):
        raise unreadable("it is not a JSON object")
    return bytes(document)
