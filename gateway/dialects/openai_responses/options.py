"""Translate the options of a request to those of chat completions, but for its tools. Pure.

Source: platform.openai.com/docs/api-reference/responses/create.
"""

from collections.abc import Mapping
from typing import Final

from pydantic import JsonValue

from gateway.dialects.fields import malformed
from gateway.protocol.commands import JsonObject
from gateway.upstreams.formats.json_values import object_of

_OPTIONS: Final[Mapping[str, str]] = {
    "max_output_tokens": "max_tokens",
    "temperature": "temperature",
    "top_p": "top_p",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
}
"""Fields with a counterpart of the same form, and its name."""

_CHANGES_THE_ANSWER: Final = ("prompt", "context_management")
"""Fields without a counterpart that only a provider with this API can honour."""


def read_options(body: JsonObject, untranslated: list[str]) -> JsonObject:
    """Return the options of a body, and add to `untranslated` what only this API has.

    Raises:
        Refused: a field has the wrong form.
    """
    options: JsonObject = {ours: body[name] for name, ours in _OPTIONS.items() if body.get(name) is not None}
    untranslated += [name for name in _CHANGES_THE_ANSWER if body.get(name)]
    return {**options, **_text(body), **_reasoning(body), **_user(body), **_logprobs(body)}


def included(body: JsonObject) -> list[JsonValue]:
    """Return what a request asks for besides (`include`).

    Raises:
        Refused: it is no list.
    """
    include = body.get("include") or []
    if not isinstance(include, list):
        raise malformed("include", "must be a list of strings")
    return include


def _text(body: JsonObject) -> JsonObject:
    text = body.get("text")
    if not isinstance(text, dict | None):
        raise malformed("text", "must be an object")
    match text:
        case {"format": {"type": "json_schema"}}:
            schema = {name: value for name, value in object_of((text or {}).get("format")).items() if name != "type"}
            return {"response_format": {"type": "json_schema", "json_schema": schema}}
        case {"format": {"type": str(kind)}} if kind != "text":
            return {"response_format": {"type": kind}}
    return {}


def _reasoning(body: JsonObject) -> JsonObject:
    reasoning = body.get("reasoning")
    if not isinstance(reasoning, dict | None):
        raise malformed("reasoning", "must be an object")
    effort = None if reasoning is None else reasoning.get("effort")
    return {} if effort is None else {"reasoning_effort": effort}


def _user(body: JsonObject) -> JsonObject:
    user = body.get("safety_identifier") or body.get("user")
    return {} if user is None else {"user": user}


def _logprobs(body: JsonObject) -> JsonObject:
    top = body.get("top_logprobs")
    if not top and "message.output_text.logprobs" not in included(body):
        return {}
    return {"logprobs": True, **({"top_logprobs": top} if top else {})}
