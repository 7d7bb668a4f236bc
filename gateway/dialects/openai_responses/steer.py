"""Input for a response that runs (`response.steer`), and the events about it. Pure.

Source: platform.openai.com/docs/guides/steering, and the types of the openai package (`ResponseSteerEvent`).
"""

from collections.abc import Mapping, Sequence
from itertools import takewhile
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

MAX_WAITING: Final = 16
"""Inputs that wait for the results of one response's calls."""

_FIELDS: Final = frozenset({"type", "previous_response_id", "input"})
_MESSAGES: Final[Mapping[str, str]] = {
    "response_not_found": "The response does not run on this connection.",
    "response_already_completed": "The response has ended: send the input with response.create.",
    "too_many_pending_steers": f"{MAX_WAITING} inputs wait for the end of this response.",
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


def pending(steer_id: str, response_id: str, output: Sequence[JsonObject], number: int) -> JsonObject:
    """Return the event of an input that waits: the response has ended with calls whose results come first."""
    steer: JsonObject = {"id": steer_id, "previous_response_id": response_id}
    required: list[JsonValue] = [*filter(None, map(_required, output))]
    event: JsonObject = {"type": "response.steer.pending", "sequence_number": number, "steer": steer}
    return {**event, "reason": "waiting_for_required_input", "required_input": required}


def with_waiting(given: JsonValue, waiting: Sequence[JsonObject]) -> JsonValue:
    """Return the input of a request with what has waited for it.

    It comes after the results of the calls: many providers want these next to the calls.
    """
    items = [message_of(given)] if isinstance(given, str) else given if isinstance(given, list) else []
    results = [*takewhile(_is_result, items)]
    return [*results, *waiting, *items[len(results) :]]


def _required(item: JsonObject) -> JsonObject | None:
    match item:
        case {"type": "function_call", "call_id": call_id, "name": name}:
            return {"type": "function_call_output", "call_id": call_id, "name": name}
        case {"type": "custom_tool_call", "call_id": call_id}:
            return {"type": "custom_tool_call_output", "call_id": call_id}
    return None


def _is_result(item: JsonValue) -> bool:
    return isinstance(item, dict) and str(item.get("type")).endswith("_output")


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
