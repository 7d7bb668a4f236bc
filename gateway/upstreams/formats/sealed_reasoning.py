"""Carry what one provider signed in an opaque field of another's API, which clients give back as they got it. Pure.

So the signature of Gemini's thoughts and calls, or OpenAI's encrypted reasoning, comes back with the next turn of a
client of Anthropic's Messages API, and Anthropic's signatures with that of a client of OpenAI's Responses API. To the
provider of that API itself such a value means nothing, and is left out.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from typing import Final

import orjson
from pydantic import JsonValue

from gateway.protocol.commands import JsonObject

PREFIX: Final = "ds1."
"""Tells our values from those of Anthropic, which are base64, and of OpenAI, which begin with `gAAAA` (Fernet)."""


def seal(fields: JsonObject) -> str:
    """Return the value that carries these fields, which are texts."""
    return PREFIX + urlsafe_b64encode(orjson.dumps(fields)).decode()


def seal_redacted(fields: Mapping[str, JsonValue]) -> str:
    """Return the value that carries redacted reasoning: its data, the format that it has, and its id if it has one."""
    return seal({name: fields[name] for name in ("format", "data", "id") if isinstance(fields.get(name), str)})


def seal_call(call_id: str, signature: str) -> str:
    """Return the value that carries the signature of a call (`call`): only Gemini signs calls."""
    return seal({"format": "gemini", "call": call_id, "signature": signature})


def is_sealed(value: object) -> bool:
    """Return True if a value is one of ours."""
    return isinstance(value, str) and value.startswith(PREFIX)


def unseal(value: str) -> dict[str, str]:
    """Return the fields that a value carries; {} if it was damaged."""
    try:
        fields = orjson.loads(urlsafe_b64decode(value.removeprefix(PREFIX)))
    except ValueError:
        return {}
    return {name: text for name, text in fields.items() if isinstance(text, str)} if isinstance(fields, dict) else {}
