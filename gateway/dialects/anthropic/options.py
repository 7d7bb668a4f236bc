"""The options of a request of the Messages API in OpenAI's form. Pure.

Sources: docs.anthropic.com, "Messages", "Extended thinking", "Effort", "Structured outputs".
"""

from collections.abc import Mapping
from typing import Final

from gateway.dialects.anthropic.tools import read_tools
from gateway.dialects.fields import malformed
from gateway.protocol.commands import JsonObject

MAX_USER_LENGTH: Final = 64
"""Maximum characters of a user's id at OpenAI. That of Claude Code is longer, and left out."""

_RENAMED: Final[Mapping[str, str]] = {
    "max_tokens": "max_tokens",
    "temperature": "temperature",
    "top_p": "top_p",
    "stop_sequences": "stop",
}

_UNTRANSLATED: Final = ("top_k", "container", "mcp_servers", "inference_geo", "fallbacks")
"""Fields that would change the answer, and that no other API has."""

_EFFORTS: Final[Mapping[str, str]] = {
    "minimal": "minimal",
    "low": "low",
    "medium": "medium",
    "high": "high",
    # Few models of other providers have more.
    "xhigh": "high",
    "max": "high",
}
_MEDIUM_BUDGET: Final = 4096
_HIGH_BUDGET: Final = 16_384
"""Thinking budgets, in tokens, from which on the effort is medium, and high."""


def read_options(body: JsonObject, untranslated: list[str]) -> JsonObject:
    """Return the options of a body, and add to `untranslated` what only Anthropic's API has.

    Raises:
        Refused: a field has the wrong form.
    """
    options: JsonObject = {ours: body[theirs] for theirs, ours in _RENAMED.items() if body.get(theirs) is not None}
    untranslated += [name for name in _UNTRANSLATED if body.get(name)]
    options |= read_tools(body, untranslated)
    if effort := _effort(body):
        options["reasoning_effort"] = effort
    if response_format := _response_format(body):
        options["response_format"] = response_format
    user = _object(body, "metadata").get("user_id")
    if isinstance(user, str) and 0 < len(user) <= MAX_USER_LENGTH:
        options["user"] = user
    return options


def _object(body: JsonObject, name: str) -> JsonObject:
    value = body.get(name)
    if value is not None and not isinstance(value, dict):
        raise malformed(name, "must be an object")
    return value or {}


def _effort(body: JsonObject) -> str | None:
    """Return the effort that a request asks for; None leaves it to the model, as adaptive thinking does.

    Without thinking there is no effort either: what turns it off differs by provider, and many refuse it.
    """
    thinking, named = _object(body, "thinking"), _object(body, "output_config").get("effort")
    match thinking:
        case {"type": "disabled"}:
            return None
        case {"type": "enabled", "budget_tokens": int() as budget} if named is None:
            return "low" if budget < _MEDIUM_BUDGET else "medium" if budget < _HIGH_BUDGET else "high"
    if not isinstance(named, str | None):
        raise malformed("output_config.effort", "must be a string, such as low, medium or high")
    return None if named is None else _EFFORTS.get(named, named)


def _response_format(body: JsonObject) -> JsonObject | None:
    """Return the schema of the answer. `output_format` is its former name, with a beta header."""
    wanted = _object(body, "output_config").get("format") or body.get("output_format")
    match wanted:
        case None:
            return None
        case {"type": "json_schema", "schema": dict() as schema}:
            # OpenAI requires a name.
            return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, "strict": True}}
    raise malformed("output_config.format", "must be json_schema with its schema")
