"""The options of a `RunAgentInput` in OpenAI's form: its tools, and what `forwardedProps` says of the model. Pure."""

from collections.abc import Mapping
from typing import Final

from pydantic import JsonValue

from gateway.dialects.ag_ui.tools import read_tools
from gateway.dialects.fields import malformed
from gateway.protocol.commands import JsonObject
from gateway.protocol.errors import Refused
from gateway.protocol.options import OptionFields

_NAMES: Final = frozenset({"model", *OptionFields.model_fields}) - {"tools"}
"""Fields of `forwardedProps` that are options of a start. Others are the application's own, and have no effect."""


def read_options(body: Mapping[str, JsonValue]) -> JsonObject:
    """Return the model and the options that a start has for a body.

    Raises:
        Refused: a field has the wrong form.
    """
    props = body.get("forwardedProps")
    if props is not None and not isinstance(props, dict):
        raise malformed("forwardedProps", "must be an object")
    tools = read_tools(body.get("tools"))
    options: JsonObject = {name: value for name, value in (props or {}).items() if name in _NAMES and value is not None}
    return {**options, "tools": [*tools]} if tools else options


def option_path(refused: Refused) -> Refused:
    """Return a refusal of a start that names its field as it stands in the body."""
    param = refused.param or ""
    if param.partition(".")[0].partition("[")[0] not in _NAMES or not refused.message.startswith(param):
        return refused
    path = f"forwardedProps.{param}"
    message = path + refused.message.removeprefix(param)
    named = Refused(refused.code, message, param=path, status=refused.status, retry_after_ms=refused.retry_after_ms)
    named.retryable = refused.retryable
    return named
