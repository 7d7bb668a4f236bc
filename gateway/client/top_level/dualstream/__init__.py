"""The Python client of Dualstream: start, watch, steer and stop generations, over SSE, WebSocket or long polls.

    from dualstream import Chunk, Client

    with Client("http://127.0.0.1:8080") as client:
        for event in client.start("Why is the sky blue?"):
            match event:
                case Chunk(content=text):
                    print(text, end="", flush=True)

`Client` is synchronous, `AsyncClient` asynchronous. All their errors are `GatewayError`: `Refused` if the gateway
refuses a request, `Failed` if it can't be reached or a generation has failed. Reference: docs/reference/python.md.
"""

from gateway.client.answer import AsyncAnswer
from gateway.client.client import AsyncClient
from gateway.client.connectors import TransportName
from gateway.client.content import Message
from gateway.client.conversation import AsyncConversation, Conversation
from gateway.client.http_session import Token
from gateway.client.retry import Retries, RetryNotice
from gateway.client.start_options import OnDisconnect, StartOptions
from gateway.client.sync import Answer, Client
from gateway.client.view import State
from gateway.protocol.errors import Code, Failed, GatewayError, Refused
from gateway.protocol.events import (
    Accepted,
    Chunk,
    Complete,
    Error,
    Event,
    Feedback,
    Gap,
    Interrupted,
    InterruptedBy,
    JsonValue,
    Metrics,
    Mode,
    Part,
    Queued,
    Reasoning,
    Retry,
    Revision,
    SignedReasoning,
    Start,
    Terminal,
    ToolCall,
    Usage,
)

__all__ = [
    "Accepted",
    "Answer",
    "AsyncAnswer",
    "AsyncClient",
    "AsyncConversation",
    "Chunk",
    "Client",
    "Code",
    "Complete",
    "Conversation",
    "Error",
    "Event",
    "Failed",
    "Feedback",
    "Gap",
    "GatewayError",
    "Interrupted",
    "InterruptedBy",
    "JsonValue",
    "Message",
    "Metrics",
    "Mode",
    "OnDisconnect",
    "Part",
    "Queued",
    "Reasoning",
    "Refused",
    "Retries",
    "Retry",
    "RetryNotice",
    "Revision",
    "SignedReasoning",
    "Start",
    "StartOptions",
    "State",
    "Terminal",
    "Token",
    "ToolCall",
    "TransportName",
    "Usage",
]
