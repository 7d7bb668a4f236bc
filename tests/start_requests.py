"""Start requests, and the principal of a gateway without keys."""

from gateway.protocol.commands import Message, StartRequest
from gateway.security.principals import anonymous

ANONYMOUS = anonymous("")
"""The principal of every client of a gateway without keys."""


def start_request(text: str = "Hello", **options: object) -> StartRequest:
    """Return a start request with one user message."""
    return StartRequest.model_validate({"messages": [{"role": "user", "content": text}], "options": options})


def user_message(text: str) -> Message:
    """Return a message of the user."""
    return Message(role="user", content=text)
