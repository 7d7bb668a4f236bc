"""What a request of a dialect says of itself: its digest, and whether its client sends it again. Pure."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Final, NamedTuple

import orjson

from gateway.dialects.base import DialectStart

RETRY_COUNT: Final = "x-stainless-retry-count"
"""Header in which the SDKs of OpenAI and Anthropic count the retries of a request; 0 in the first one."""

SESSION_HEADERS: Final = ("x-claude-code-session-id", "session-id", "session_id")
"""Headers by which Claude Code and Codex name one conversation."""

_FORM: Final = ("stream", "stream_options")
"""Fields of the body that change the form of the response, and not the answer."""


class SentRequest(NamedTuple):
    """A request as its client sent it: requests with one `digest` ask for the same answer, in any form."""

    digest: bytes
    stream: bool
    is_retry: bool
    """Its client says that it has sent it before."""
    session: str
    """The conversation that it belongs to; "" if its client names none."""
    is_background: bool = False
    """Its client leaves on purpose: it has another way to read the answer."""


def sent_request(dialect: str, start: DialectStart) -> SentRequest:
    """Return what a request to the dialect of this name says of itself. It encodes and hashes the body once."""
    call = start.call
    api_headers: Mapping[str, str] = {} if start.verbatim is None else start.verbatim.headers
    body = {name: value for name, value in call.body.items() if name not in _FORM}
    asked = orjson.dumps([dialect, call.path.get("model", ""), dict(api_headers), body])
    session = next(filter(None, map(call.headers.get, SESSION_HEADERS)), "")
    is_retry = call.headers.get(RETRY_COUNT, "0").strip() not in {"", "0"}
    digest = sha256(asked).digest()
    return SentRequest(digest, start.stream, is_retry, session, call.body.get("background") is True)
