"""Build the body of OpenAI chat completions. Pure.

Requests have this format already, so only the differences between servers (`Quirks`) are applied.
"""

import re
from typing import Final

from pydantic import JsonValue

from gateway.protocol.commands import JsonObject
from gateway.protocol.options import OptionFields
from gateway.upstreams.base import UpstreamRequest
from gateway.upstreams.formats.base import Quirks
from gateway.upstreams.formats.json_values import object_of
from gateway.upstreams.formats.openai_chat_messages import build_message

_CONTINUATION: JsonObject = {"continue_final_message": True, "add_generation_prompt": False}
"""docs.vllm.ai, "OpenAI-Compatible Server", "Chat API", "Extra parameters": the two exclude each other."""


_REASONING_MODELS = re.compile(r"o[1-9]\b|gpt-5")
"""Names of OpenAI's models that refuse `max_tokens` (platform.openai.com/docs/api-reference/chat/create)."""


API: Final = "openai"
"""Name of this API in the settings."""

_BUILT: Final = frozenset({*OptionFields.model_fields, "messages", "model", "stream", "stream_options"})
"""Fields of a body that are built from the messages and the options."""


def build_request(request: UpstreamRequest, quirks: Quirks) -> JsonObject:
    """Build the body of a request for a server with these quirks.

    A client's own request in this format keeps all fields that are not built here.
    """
    verbatim, options = request.verbatim_for(API), request.options
    sent = {} if verbatim is None else verbatim.body
    if "max_tokens" in options:
        token_limit = _token_limit(request.model, quirks)
        options = {token_limit if name == "max_tokens" else name: value for name, value in options.items()}
    body: JsonObject = {
        **({name: value for name, value in sent.items() if name not in _BUILT} if sent else {}),
        **options,
        "model": request.model,
        "messages": _messages(request, quirks, as_sent=verbatim is not None),
        "stream": True,
        **(_stream_options(sent) if quirks.stream_options else {}),
        **(_CONTINUATION if request.continues and quirks.continuation == "continue_final_message" else {}),
    }
    if "safety_identifier" in sent and "user" not in sent:
        # The option `user` stands for it, for providers with other APIs.
        body.pop("user", None)
    if not quirks.reasoning_effort:
        body.pop("reasoning_effort", None)
    return body


def _stream_options(sent: JsonObject) -> JsonObject:
    """Build the field without which most servers send no usage figures."""
    return {"stream_options": {**object_of(sent.get("stream_options")), "include_usage": True}}


def _token_limit(model: str, quirks: Quirks) -> str:
    if quirks.token_limit in {"max_tokens", "max_completion_tokens"}:
        return quirks.token_limit
    # Wherever they are hosted: "Unsupported parameter: 'max_tokens' is not supported with this model. Use
    # 'max_completion_tokens' instead."
    return "max_completion_tokens" if _REASONING_MODELS.match(model.rpartition("/")[2]) else "max_tokens"


def _messages(request: UpstreamRequest, quirks: Quirks, *, as_sent: bool) -> list[JsonValue]:
    messages: list[JsonObject] = [
        build_message(message, request.model, quirks, as_sent=as_sent) for message in request.message_objects()
    ]
    if request.continues and quirks.continuation == "prefix":
        messages[-1] = {**messages[-1], "prefix": True}
    return [*messages]
