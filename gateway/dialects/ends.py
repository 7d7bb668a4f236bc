"""How a generation ends, as far as all dialects agree on it. Pure.

docs/reference/model-apis.md, "Ends", has the table.
"""

from collections.abc import Mapping
from typing import Final

from gateway.protocol.errors import Code, Refused
from gateway.protocol.events import Error

CUT_CODES: Final = frozenset(
    {
        *(Code.NETWORK_ERROR, Code.TRUNCATED, Code.STALLED, Code.TIMEOUT, Code.FIRST_TOKEN_TIMEOUT, Code.TOO_SLOW),
        *(Code.UPSTREAM_PROTOCOL, Code.SHUTTING_DOWN),
    }
)
"""Codes of failures that are, to a client, a lost connection: it retries those, and not an error event."""

FINISH_OF_FAILURE: Final[Mapping[str, str]] = {
    Code.BUDGET_EXCEEDED: "stop",
    Code.OUTPUT_LIMIT: "length",
    Code.CONTENT_FILTER: "content_filter",
}
"""Finish reasons, as in chat completions, of failures after which clients keep what they have, and do not retry."""


INTERRUPTED_TEXT: Final = b'"[The answer was interrupted.]"'
"""JSON of the text of an answer that was interrupted before its first text: some agents ask again for an empty one."""


def refusal_of(end: Error) -> Refused:
    """Return the failure of a generation as the refusal of its request."""
    refused = Refused(Code(end.code), end.message, retry_after_ms=end.retry_after_ms)
    refused.retryable = end.retryable
    return refused


def is_cut(end: Error) -> bool:
    """Return True if a response that has begun ends as if its connection had been lost."""
    return end.code in CUT_CODES
