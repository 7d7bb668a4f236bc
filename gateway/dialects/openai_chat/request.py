"""Read a request of chat completions. Pure.

Source: platform.openai.com/docs/api-reference/chat/create. A start has most of its fields as options. Of the others:

- What describes the response, the account or the cache has no effect on the answer. A provider with this API gets it as
  it came, and others don't get it.
- What changes the answer, or may do so because it is unknown here, goes to the provider as an option. A provider with
  another API refuses it by its name, unless it can express it.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Final

from pydantic import AfterValidator, FailFast, JsonValue

from gateway.dialects.base import Call, DialectStart
from gateway.dialects.fields import malformed, only_own_api
from gateway.dialects.openai_chat.functions import uses_functions, with_tools
from gateway.protocol.commands import MESSAGE_COUNT, JsonObject, Message, StartRequest, parse
from gateway.protocol.messages import check_form, unknown_part
from gateway.protocol.options import OptionFields, ProviderOptions
from gateway.upstreams.base import VerbatimRequest

API: Final = "openai"

_OPTIONS: Final = frozenset(OptionFields.model_fields)
_START: Final = frozenset({*_OPTIONS, "messages", "model", "metadata"})

_WITHOUT_EFFECT: Final = frozenset(
    {
        *("n", "stream", "stream_options", "store", "service_tier", "safety_identifier", "prediction"),
        *("prompt_cache_key", "prompt_cache_retention", "prompt_cache_options", "functions", "function_call"),
    }
)
"""Fields without an effect on the answer's content, or that other fields have replaced (`functions`)."""

_MAY_BE_REFUSED: Final = frozenset({"n", "audio", "modalities", "stream_options"})
"""Fields that `_check` looks at, besides `stream`: most requests have none of them."""

_DEFAULTS: Final[Mapping[str, JsonValue]] = {
    "logit_bias": {},
    "logprobs": False,
    "modalities": ["text"],
    "top_logprobs": 0,
    "verbosity": "medium",
}
"""Values with which a field has no effect: many clients send their defaults."""


class ChatStart(StartRequest):
    """A start whose messages may have content parts that only a provider with this API knows."""

    messages: Annotated[list[Annotated[Message, AfterValidator(check_form)]], FailFast(), MESSAGE_COUNT]


def parse_call(call: Call) -> DialectStart:
    """Return the start that a request asks for.

    Raises:
        Refused: it is not valid, or asks for several answers or for audio.
    """
    sent: JsonObject = {name: value for name, value in call.body.items() if value is not None}
    _check(sent)
    if sent.get("web_search_options") == {}:
        # It asks for a search all the same: its default says so to wire formats that skip empty fields.
        sent["web_search_options"] = {"search_context_size": "medium"}
    body = with_tools(sent)
    taken: JsonObject = {name: body[name] for name in body if name in _START and not _is_default(name, body[name])}
    if "user" not in taken and "safety_identifier" in body:
        # It replaces `user`, and other providers have a counterpart (docs/api-reference/chat/create).
        taken["user"] = body["safety_identifier"]
    request: StartRequest = parse(ChatStart, taken)
    if others := {name: value for name, value in body.items() if _is_other(name, value)}:
        request = request.model_copy(update={"options": ProviderOptions.of(request.options, others)})
    # Outdated functions become tools: neither the request nor the response can pass as it is.
    verbatim = (
        None if uses_functions(sent) else VerbatimRequest(API, _beside_messages(sent), {}, _only(request.messages))
    )
    return DialectStart(request, sent.get("stream") is True, call, verbatim)


def wants_usage(start: DialectStart) -> bool:
    """Return True if the response contains usage figures. One that is not streamed always does."""
    options = start.call.body.get("stream_options")
    return not start.stream or (isinstance(options, dict) and options.get("include_usage") is True)


def custom_tools(start: DialectStart) -> frozenset[str]:
    """Return the names of tools whose input is a text, and not JSON (guides/function-calling, "Custom tools")."""
    tools = start.call.body.get("tools")
    customs = (tool.get("custom") for tool in tools if isinstance(tool, dict)) if isinstance(tools, list) else ()
    return frozenset(str(custom.get("name")) for custom in customs if isinstance(custom, dict))


def _check(body: JsonObject) -> None:
    """Refuse what no response here could be.

    Raises:
        Refused: naming the field.
    """
    if body.keys().isdisjoint(_MAY_BE_REFUSED) and isinstance(body.get("stream", False), bool):
        return
    modalities = body.get("modalities")
    problems = {
        "n": None if body.get("n", 1) == 1 else "must be 1: a response has one choice; send several requests",
        "audio": "audio output is not supported: leave it out" if "audio" in body else None,
        "modalities": (
            "audio output is not supported: leave it out, or send ['text']"
            if isinstance(modalities, list) and "audio" in modalities
            else None
        ),
        "stream": None if isinstance(body.get("stream", False), bool) else "must be true or false",
        "stream_options": None if isinstance(body.get("stream_options", {}), dict) else "must be an object",
    }
    for name, problem in problems.items():
        if problem is not None:
            raise malformed(name, problem)


def _is_default(name: str, value: JsonValue) -> bool:
    return name in _DEFAULTS and value == _DEFAULTS[name]


def _is_other(name: str, value: JsonValue) -> bool:
    """Return True for a field that changes the answer, and is no option of a start."""
    return not (name in _START or name in _WITHOUT_EFFECT or _is_default(name, value))


def _only(messages: Sequence[Message]) -> str:
    """Return how a provider with another API is refused; "" if it can get the messages."""
    for at, message in enumerate(messages):
        if (part := unknown_part(message)) is not None:
            return only_own_api([f"messages[{at}].content[{part}].type"])
    return ""


def _beside_messages(body: JsonObject) -> JsonObject:
    """Return a body without the messages, which a start has already: they may be large."""
    return {name: value for name, value in body.items() if name != "messages"}
