"""Refusals of requests. AG-UI has no form of its own for them, so they have that of our protocol. Pure."""

import orjson

from gateway.dialects.ag_ui.options import option_path
from gateway.protocol.commands import JsonObject
from gateway.protocol.errors import Refused


def refusal(refused: Refused) -> JsonObject:
    """Return the body of a refusal. AG-UI's client shows it whole."""
    body: JsonObject = orjson.loads(orjson.dumps(option_path(refused).body()))
    return body
