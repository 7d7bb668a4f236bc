"""Read error objects of any provider: nested, flat, in lists, in other words. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import orjson
from pydantic import JsonValue

from gateway.protocol.commands import JsonObject

MAX_RETRY_AFTER: Final = 86_400.0
"""Longest wait that a provider may ask for, in seconds; longer ones are cut to it."""

_MAX_DEPTH: Final = 6
_MAX_ITEMS: Final = 8
_NAMES: Final = ("code", "type", "status", "reason", "error_code", "error_type", "__type", "Code", "status_code")
"""Fields that name what happened, the most specific first."""
_MESSAGES: Final = ("message", "msg", "error_msg", "error_message", "status_msg", "Message", "title")
_CHILDREN: Final = (
    *("error", "errors", "detail", "details", "innererror", "inner_error", "metadata", "cause", "base_resp"),
    *("x_groq", "response", "raw", "message"),
)
"""Fields that hold an error, or more about it."""
_UNHELPFUL: Final = re.compile(r"(?:provider returned error|error|unknown error|bad request)\.?", re.IGNORECASE)
_RETRY_DELAY: Final = re.compile(rb'"retryDelay"\s*:\s*"(\d{1,9}(?:\.\d{1,9})?)s"')


@dataclass(slots=True)
class ErrorBody:
    """What an error object says: its names, the most specific first, a status of HTTP, and a message for people."""

    names: list[str] = field(default_factory=list)
    status: int | None = None
    message: str = ""


def find_error(value: JsonValue, depth: int = 0) -> JsonValue | None:
    """Return the error that a document is or contains, or None. `error: null` is none."""
    if isinstance(value, list) and depth < _MAX_DEPTH:
        items = value[:_MAX_ITEMS]
        return next((found for item in items if (found := find_error(item, depth + 1)) is not None), None)
    if not isinstance(value, dict):
        return None
    base, groq = value.get("base_resp"), value.get("x_groq")
    is_error = (
        value.get("error")
        or value.get("errors")
        or "error" in (value.get("object"), value.get("type"))
        or (isinstance(base, dict) and base.get("status_code"))
        or (isinstance(groq, dict) and groq.get("error"))
        or (not any(map(value.get, ANSWERS)) and _is_flat_error(value))
    )
    return value if is_error else None


ANSWERS: Final = frozenset({"choices", "candidates", "output", "content", "delta", "usage"})
"""Fields of answers: what has one of them, and something in it, is no error for lack of another sign."""


def _is_flat_error(value: JsonObject) -> bool:
    """Return True if an object without an answer has the fields of an error: some servers send frames of progress."""
    if value.get("detail") or value.get("error_code") or value.get("error_msg") or value.get("success") is False:
        return True
    if any(http_status(value.get(name)) is not None for name in _NAMES):
        return True
    has_message = any(isinstance(value.get(name), str) and value[name] for name in _MESSAGES)
    return has_message and any(isinstance(name := value.get(key), str) and _OF_ERRORS.search(name) for key in _NAMES)


_OF_ERRORS: Final = re.compile(
    r"error|exception|fail|invalid|incorrect|denied|forbidden|unauthor|exceed|exhaust|insufficient|overload|unavailable"
    r"|not_?found|limit|quota|timeout|refus|reject|abort|arrear|throttl|policy|filter",
    re.IGNORECASE,
)
"""A part of the names of errors."""


def http_status(value: JsonValue) -> int | None:
    """Return a number or a text of digits as an HTTP status from 400 to 599, or None."""
    if isinstance(value, str) and value.isdecimal() and len(value) == 3:
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 400 <= value < 600 else None


def read_error(value: JsonValue) -> ErrorBody:
    """Collect what an error says. Inner objects come first: they are more specific than those around them."""
    body = ErrorBody()
    _read(value, body, 0)
    return body


def _read(value: JsonValue, body: ErrorBody, depth: int) -> None:
    if depth > _MAX_DEPTH:
        return
    if isinstance(value, list):
        for item in value[:_MAX_ITEMS]:
            _read(item, body, depth + 1)
    elif isinstance(value, str):
        _read_text(value, body, depth)
    elif isinstance(value, dict):
        own = next((text for name in _MESSAGES if isinstance(text := value.get(name), str) and text), "")
        if own and not _UNHELPFUL.fullmatch(own.strip()):
            # The outermost message that says something is the provider's own summary.
            body.message = body.message or _with_location(own, value.get("loc"))
        for name in _CHILDREN:
            child = value.get(name)
            if name == "base_resp" and isinstance(child, dict):
                body.names.append(f"base_resp_{child.get('status_code')}")
                child = {"msg": child.get("status_msg")}
            # Text in one of these fields is a name in some servers (`{"error": "invalid_api_key"}`), words in others.
            if child and not (name == "message" and isinstance(child, str)):
                _read(child, body, depth + 1)
        body.names += _names(value)
        body.message = body.message or own
        body.status = body.status or next(filter(None, (http_status(value.get(name)) for name in _NAMES)), None)


def _read_text(text: str, body: ErrorBody, depth: int) -> None:
    if text.startswith(("{", "[")) and depth <= _MAX_DEPTH:
        try:
            inner = orjson.loads(text)
        except orjson.JSONDecodeError:
            pass
        else:
            _read(inner, body, depth + 1)
            return
    if re.fullmatch(r"\w{3,64}", text):
        body.names.append(text)
    body.message = body.message or text


def _names(value: JsonObject) -> Iterator[str]:
    for name in _NAMES:
        found = value.get(name)
        if isinstance(found, str | int) and not isinstance(found, bool) and http_status(found) is None:
            # AWS: `com.amazonaws.bedrock#ThrottlingException`.
            yield str(found).rpartition("#")[2][:100]
    metadata = value.get("metadata")
    if isinstance(metadata, dict) and "flagged_input" in metadata:
        # openrouter.ai/docs/api-reference/errors, "Moderation Errors".
        yield "content_filter"


def _with_location(message: str, location: JsonValue) -> str:
    """Return a message of FastAPI with the field that it is about."""
    if not isinstance(location, list):
        return message
    path = ".".join(str(part) for part in location if part != "body")
    return f"{path}: {message}" if path else message


def retry_delay_ms(body: bytes) -> int | None:
    """Return the delay of Google's `RetryInfo` in an error's body (google/rpc/error_details.proto), or None.

    Google's APIs send it in place of `Retry-After`. A regular expression is enough, and reads bodies cut short as well.
    """
    found = _RETRY_DELAY.search(body)
    return round(min(float(found[1]), MAX_RETRY_AFTER) * 1000) if found else None
