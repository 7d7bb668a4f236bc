"""Statuses and headers by which clients of model APIs send a refused request again exactly when that can help. Pure.

The SDKs of OpenAI and Anthropic, and Claude Code, obey `x-should-retry`; others decide by the status alone: the AI SDK
repeats 408, 409, 429 and 5xx, google-genai the same without 409. So a refusal that is final needs both.
"""

from collections.abc import Mapping

from gateway.protocol.errors import Refused


def is_repeated(status: int) -> bool:
    """Return True if clients repeat a request after this status."""
    return status in {408, 409, 429} or status >= 500


def final_status(refused: Refused) -> int:
    """Return the status of a refusal: another than its own if that would make clients repeat in vain."""
    if refused.retryable or not is_repeated(refused.status):
        return refused.status
    # Unprocessable Content (RFC 9110, 15.5.21) and Failed Dependency (RFC 4918, 11.4).
    return 422 if refused.status == 409 else 424


def retry_headers(refused: Refused) -> Mapping[str, str]:
    """Return the headers that tell clients whether to repeat a request, and when."""
    headers = {"X-Should-Retry": "true" if refused.retryable else "false"}
    if refused.retry_after_ms is not None:
        headers["Retry-After-Ms"] = str(refused.retry_after_ms)
    return headers
