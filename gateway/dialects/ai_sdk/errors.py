"""Refusals as the AI SDK shows them: `error.message` is the body of the response as it came. Pure.

So the body is one sentence for a person. What a program decides by stands in the status and in headers.
"""

from gateway.protocol.errors import Refused


def sentence(refused: Refused) -> str:
    """Return the body of a refusal."""
    return refused.message
