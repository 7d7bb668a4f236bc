"""Carry what another provider signed in `encrypted_content`, the opaque field that clients of this API give back. Pure.

Clients such as Codex keep nothing of a reasoning item but its summary and `encrypted_content`. So the signature of
Anthropic's thinking, its redacted thinking, and the thought signature of Gemini's tool calls travel in this field, and
come back with the next turn. The text itself is the item's summary.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Final

import orjson

from gateway.protocol.commands import JsonObject

_PREFIX: Final = "ds1."
"""Tells our values from those of OpenAI, which begin with `gAAAA` (Fernet)."""


def seal(fields: JsonObject) -> str:
    """Return the value of `encrypted_content` that carries these fields."""
    return _PREFIX + urlsafe_b64encode(orjson.dumps(fields)).decode()


def is_sealed(value: object) -> bool:
    """Return True if `encrypted_content` is one of ours: OpenAI could not read it."""
    return isinstance(value, str) and value.startswith(_PREFIX)


def unseal(value: str) -> JsonObject:
    """Return the fields that a value carries; {} if it was damaged."""
    try:
        fields = orjson.loads(urlsafe_b64decode(value.removeprefix(_PREFIX)))
    except ValueError:
        return {}
    return fields if isinstance(fields, dict) else {}
