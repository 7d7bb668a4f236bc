"""Read a request of chat completions."""

from typing import Final

from gateway.dialects.base import Call, DialectStart
from gateway.protocol.commands import JsonObject, StartRequest, parse
from gateway.protocol.options import OptionFields
from gateway.upstreams.base import VerbatimRequest

_TAKEN: Final = frozenset({*OptionFields.model_fields, "messages", "model", "metadata", "n"})


def parse_call(call: Call) -> DialectStart:
    """Return the start that a request asks for.

    Raises:
        Refused: it is not valid.
    """
    body = call.body
    taken: JsonObject = {name: value for name, value in body.items() if name in _TAKEN and value is not None}
    verbatim = VerbatimRequest("openai", body, {})
    return DialectStart(parse(StartRequest, taken), body.get("stream") is True, call, verbatim)
