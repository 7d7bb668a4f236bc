"""The Python client, which programs import as `dualstream` (docs/reference/python.md).

Start, watch, steer and stop generations, over SSE or WebSocket. Lost connections are resumed. Here, `Client` and
`Answer` are other names of `AsyncClient` and `AsyncAnswer`; `dualstream.Client` is the synchronous one, of
gateway/client/sync.py.

    async with AsyncClient("http://127.0.0.1:8080", transport="ws") as client:
        answer = await client.start("Why is the sky blue?")
        async for event in answer:
            print(event)
        print(answer.text)

All its errors are `gateway.protocol.errors.GatewayError`: `Refused` if the gateway refuses a request, `Failed` if the
gateway can't be reached.
"""

from gateway.client.answer import AsyncAnswer
from gateway.client.client import AsyncClient
from gateway.client.connectors import TransportName
from gateway.client.content import AnswerContent, Message
from gateway.client.event_decoder import decode
from gateway.client.http_session import Token
from gateway.client.retry import Retries, RetryNotice
from gateway.client.start_options import StartOptions
from gateway.client.view import STATE_AFTER, State

Client = AsyncClient
Answer = AsyncAnswer

__all__ = [
    "STATE_AFTER",
    "Answer",
    "AnswerContent",
    "AsyncAnswer",
    "AsyncClient",
    "Client",
    "Message",
    "Retries",
    "RetryNotice",
    "StartOptions",
    "State",
    "Token",
    "TransportName",
    "decode",
]
