"""What other providers want to have back, in the fields of a message that clients give back as they got them. Pure.

Anthropic's clients return `thinking` and `redacted_thinking` blocks as they came, signatures included ("Extended
thinking", "Preserving thinking blocks"). So a signature of another provider, its encrypted reasoning, and the signature
of a call travel there. Such a token names its provider: to Anthropic itself it means nothing, and is left out.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Final

import orjson

from gateway.protocol.commands import JsonObject

PREFIX: Final = "dualstream:"
"""Beginning of a token. Anthropic's own signatures and data are base64, without a colon."""

OWN_FORMAT: Final = "anthropic"
"""Format of signatures that need no token."""


def write_token(fields: JsonObject) -> str:
    """Return the token that carries these fields."""
    return PREFIX + urlsafe_b64encode(orjson.dumps(fields)).decode()


def read_token(text: object) -> JsonObject | None:
    """Return the fields of a token; None for any other text, and for a token that is damaged."""
    if not isinstance(text, str) or not text.startswith(PREFIX):
        return None
    try:
        fields = orjson.loads(urlsafe_b64decode(text.removeprefix(PREFIX)))
    except ValueError:
        return None
    return fields if isinstance(fields, dict) and all(isinstance(value, str) for value in fields.values()) else None
