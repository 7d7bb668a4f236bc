"""The providers' wire formats: a request in, a script out as a stream or one object. The path selects the format."""

import re
from collections.abc import Mapping
from typing import Final

from gateway.simulator.formats.base import ProviderFormat
from gateway.simulator.formats.chat_completions import ChatCompletionsFormat
from gateway.simulator.formats.generate_content import GenerateContentFormat
from gateway.simulator.formats.messages import MessagesFormat
from gateway.simulator.formats.responses import ResponsesFormat

__all__ = ["FORMATS", "ProviderFormat", "format_for_path"]

FORMATS: Final[Mapping[str, ProviderFormat]] = {
    "/v1/chat/completions": ChatCompletionsFormat(),
    "/v1/messages": MessagesFormat(),
    # Google's own library for Python calls v1, the one for JavaScript v1beta.
    "/{version:v1|v1beta}/models/{model}:{method:generateContent|streamGenerateContent}": GenerateContentFormat(),
    "/v1/responses": ResponsesFormat(),
}
"""The formats by the path that each is posted to, in the syntax of aiohttp's router."""

_GOOGLE_PATH: Final = re.compile(r"/v1beta/|/v1/models/")
_OPENAI, _ANTHROPIC, _GOOGLE, _ = FORMATS.values()


def format_for_path(path: str) -> ProviderFormat:
    """Return the format of a path. A path without a route has one too, in which its 404 is encoded."""
    if path.startswith("/v1/messages"):
        return _ANTHROPIC
    return _GOOGLE if _GOOGLE_PATH.match(path) else FORMATS.get(path, _OPENAI)
