"""Refusals in the form of Google's APIs. Pure.

Sources: google.aip.dev/193 (`google.rpc.Status` as JSON), cloud.google.com/apis/design/errors (names by status), and
ai.google.dev/gemini-api/docs/troubleshooting.
"""

from typing import Final

from pydantic import JsonValue

from gateway.dialects.statuses import final_status
from gateway.protocol.commands import JsonObject
from gateway.protocol.errors import Refused

_STATUS: Final = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    402: "RESOURCE_EXHAUSTED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    422: "FAILED_PRECONDITION",
    424: "FAILED_PRECONDITION",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_TYPES: Final = "type.googleapis.com/google.rpc."


def refusal(refused: Refused) -> JsonObject:
    """Return the body of a refusal, which is also the data of an error in a stream.

    Our code is the reason of an `ErrorInfo`, the field to change is a violation of a `BadRequest`.
    """
    # An error in a stream has no header that could say when to retry.
    reason = refused.code.value.upper()
    details: list[JsonValue] = [{"@type": f"{_TYPES}ErrorInfo", "reason": reason, "domain": "dualstream"}]
    if refused.param is not None:
        violation: JsonObject = {"field": refused.param, "description": refused.message}
        details.append({"@type": f"{_TYPES}BadRequest", "fieldViolations": [violation]})
    if refused.retry_after_ms is not None:
        details.append({"@type": f"{_TYPES}RetryInfo", "retryDelay": f"{refused.retry_after_ms / 1000:g}s"})
    status = final_status(refused)
    name = _STATUS.get(status, "INVALID_ARGUMENT" if status < 500 else "INTERNAL")
    return {"error": {"code": status, "message": refused.message, "status": name, "details": details}}
