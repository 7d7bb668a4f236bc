"""What goes out: the script, spelled in each provider's wire format; which one it is follows from the path."""

import re
from collections.abc import Mapping
from typing import Final

from gateway.simulator.wires.base import Wire
from gateway.simulator.wires.chat_completions import ChatCompletions
from gateway.simulator.wires.generate_content import GenerateContent
from gateway.simulator.wires.messages import Messages
from gateway.simulator.wires.responses import Responses

__all__ = ["WIRES", "Wire", "wire_at"]

WIRES: Final[Mapping[str, Wire]] = {
    "/v1/chat/completions": ChatCompletions(),
    "/v1/messages": Messages(),
    # Google's own library for Python calls v1, the one for JavaScript v1beta.
    "/{version:v1|v1beta}/models/{model}:{method:generateContent|streamGenerateContent}": GenerateContent(),
    "/v1/responses": Responses(),
}
"""The wire formats by the path that each is posted to, in the spelling of aiohttp's router."""

_OF_GOOGLE: Final = re.compile(r"/v1beta/|/v1/models/")
_OPENAI, _ANTHROPIC, _GOOGLE, _ = WIRES.values()


def wire_at(path: str) -> Wire:
    """Give the wire format of a path, be there something at it or not, so that it is refused in the right words."""
    if path.startswith("/v1/messages"):
        return _ANTHROPIC
    return _GOOGLE if _OF_GOOGLE.match(path) else WIRES.get(path, _OPENAI)
