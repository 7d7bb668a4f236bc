"""Errors of the simulator: simulated ones, and those of requests that have no route. Each format encodes its own."""

from typing import Final

from gateway.simulator.errors import RequestError
from gateway.simulator.settings import SimulatorSettings

MAX_BODY_BYTES: Final = 64 * 1024 * 1024
"""Maximum bytes of a request body."""
_PATHS: Final = (
    "POST /v1/chat/completions, POST /v1/responses, POST /v1/messages, "
    "POST /v1beta/models/{model}:generateContent, POST /v1beta/models/{model}:streamGenerateContent?alt=sse, "
    "GET /v1/models, GET /health, GET /stats, GET /closes"
)


def simulated_error(settings: SimulatorSettings) -> RequestError:
    """Return the error that the settings request."""
    wait = settings.retry_after
    match settings.fault:
        case "429":
            wait = 1 if wait is None else wait
            return RequestError(
                f"Simulated rate limit reached; try again in {wait} s.",
                status=429,
                kind="requests",
                code="rate_limit_exceeded",
                retry_after=wait,
            )
        case "401":
            message = "Simulated: incorrect API key provided; check the key."
            return RequestError(message, status=401, code="invalid_api_key", retry_after=wait)
        case _:
            message = "Simulated server error; try again."
            return RequestError(message, status=500, kind="server_error", retry_after=wait)


def convert_http_error(path: str, method: str, status: int, reason: str, allowed: str) -> RequestError:
    """Convert an HTTP error of the framework to one that says what to change."""
    match status:
        case 404:
            message, code = f"There is nothing at {path}. Use {_PATHS}.", "unknown_path"
        case 405:
            message, code = f"{path} does not allow {method}. Use {allowed}.", "method_not_allowed"
        case 413:
            message, code = f"The body is too large. Send at most {MAX_BODY_BYTES} bytes.", "request_too_large"
        case _:
            message, code = f"The request was refused: {reason}.", "refused"
    return RequestError(message, status=status, code=code)
