"""The Python client: start, watch, steer and stop generations, over SSE or WebSocket. Lost connections are resumed.

    async with Client("http://127.0.0.1:8080", transport="ws") as client:
        answer = await client.start("Why is the sky blue?")
        async for event in answer:
            print(event)
        print(answer.text)

It raises `gateway.protocol.errors.Refused` if the gateway refuses a request, and `gateway.protocol.errors.Failed` if
the gateway can't be reached.
"""

from gateway.client.answer import Answer
from gateway.client.client import Client
from gateway.client.connectors import TransportName
from gateway.client.content import AnswerContent, Message
from gateway.client.frames import decode
from gateway.client.retry import Retries, RetryNotice
from gateway.client.view import STATE_AFTER, State

__all__ = [
    "STATE_AFTER",
    "Answer",
    "AnswerContent",
    "Client",
    "Message",
    "Retries",
    "RetryNotice",
    "State",
    "TransportName",
    "decode",
]
