"""Input for a response that runs (`response.steer`), and the events about it. Pure.

Source: platform.openai.com/docs/guides/steering, and the types of the openai package (`ResponseSteerEvent`).
"""

from collections.abc import Mapping
from typing import Final

from pydantic import JsonValue

from gateway.protocol.commands import JsonObject
from gateway.protocol.errors import Code

MAX_TEXT: Final = 8192
"""Characters of one input: those of a feedback."""

FAILED: Final[Mapping[Code, str]] = {
    Code.ALREADY_OVER: "response_already_completed",
    Code.GENERATION_LOST: "response_not_found",
    Code.INVALID_REQUEST: "too_many_pending_steers",
    Code.RATE_LIMIT: "too_many_pending_steers",
    Code.QUEUE_FULL: "too_many_pending_steers",
}
"""Why our feedback is refused, in the words of this API."""

_FIELDS: Final = frozenset({"type", "previous_response_id", "input"})
_MESSAGES: Final[Mapping[str, str]] = {
    "response_not_found": "The response does not run on this connection.",
    "response_already_completed": "The response has ended: send the input with response.create.",
    "successor_creation_failed": "The response has ended before the input could be added.",
}


class SteerError(Exception):
    """Why input was not added to a response; `code` is one of `ResponseSteerErrorCode`."""

    def __init__(self, code: str, message: str = "") -> None:
        self.code = code
        self.message = message or _MESSAGES.get(code, code)
        super().__init__(self.message)


def steer_of(event: JsonObject) -> str:
    """Return the text of the input that an event adds to a response.

    Raises:
        SteerError: it is not valid, or not only text: a model is given our feedback, which is one text.
    """
    if unknown := event.keys() - _FIELDS:
        raise SteerError("invalid_input", f"{min(unknown)[:64]}: is not a field of response.steer.")
    given = event.get("input")
    texts = [given] if isinstance(given, str) else _texts(given)
    text = "\n\n".join(filter(None, texts))
    if not 1 <= len(text) <= MAX_TEXT:
        raise SteerError("invalid_input", f"input: must have 1 to {MAX_TEXT} characters.")
    return text


def message_of(text: str) -> JsonObject:
    """Return the item that the text of an input stands for."""
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}


def accepted(steer_id: str, response_id: str, number: int) -> JsonObject:
    """Return the event of an input that is to be added."""
    steer: JsonObject = {"id": steer_id, "previous_response_id": response_id}
    return {"type": "response.steer.accepted", "sequence_number": number, "steer": steer}


def failed(
    error: SteerError, response_id: str, given: JsonValue, number: int, steer_id: str | None = None
) -> JsonObject:
    """Return the event of an input that was not added; it gives the input back."""
    steer: JsonObject = {"previous_response_id": response_id, "input": given}
    if steer_id is not None:
        steer["id"] = steer_id
    fields: JsonObject = {"type": "invalid_request_error", "code": error.code, "message": error.message}
    return {"type": "response.steer.failed", "sequence_number": number, "steer": steer, "error": fields}


def _texts(given: JsonValue) -> list[str]:
    if not isinstance(given, list) or not given:
        raise SteerError("invalid_input", "input: must be a string, or a list of messages of the user.")
    return [text for at, item in enumerate(given) for text in _message_texts(item, f"input[{at}]")]


def _message_texts(item: JsonValue, path: str) -> list[str]:
    if not isinstance(item, dict) or item.get("role") != "user" or item.get("type", "message") != "message":
        raise SteerError("invalid_input", f"{path}: must be a message with the role user.")
    content = item.get("content")
    if isinstance(content, str):
        return [content]
    if not isinstance(content, list):
        raise SteerError("invalid_input", f"{path}.content: must be a string or a list of parts.")
    return [_part_text(part, f"{path}.content[{at}]") for at, part in enumerate(content)]


def _part_text(part: JsonValue, path: str) -> str:
    match part:
        case {"type": "input_text", "text": str(text)}:
            return text
        case {"type": "input_image" | "input_file"}:
            message = f"{path}: images and files can't be added to a response here: send text."
            raise SteerError("steering_not_supported", message)
    raise SteerError("invalid_input", f"{path}: must be a part of type input_text.")
