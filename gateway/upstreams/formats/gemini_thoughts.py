"""Reasoning of other providers inside Gemini's thought signatures, so that clients give it back.

Clients of the Gemini API give a `thoughtSignature` back with its part, as they do not know what is in it. What another
provider signed or encrypted travels in it, together with the text that was signed: many clients keep no thoughts. It is
base64, because Google's libraries decode it.

Source: ai.google.dev, "Thought signatures".
"""

import binascii
from base64 import b64decode, b64encode
from collections.abc import Sequence
from typing import Final

import orjson

from gateway.protocol.commands import JsonObject

_MARK: Final = b'{"reasoning_details":'


def pack(details: Sequence[JsonObject]) -> str:
    """Return the signature that carries reasoning in OpenRouter's form, `reasoning_details`."""
    return b64encode(b"%b%b}" % (_MARK, orjson.dumps(details))).decode()


def unpack(signature: str) -> list[JsonObject]:
    """Return the reasoning in a signature; none if it is one of Google's own."""
    try:
        # Google's libraries encode it again with the other alphabet of RFC 4648.
        data = b64decode(signature.replace("-", "+").replace("_", "/"))
    except (binascii.Error, ValueError):
        return []
    if not data.startswith(_MARK):
        return []
    try:
        details = orjson.loads(data)["reasoning_details"]
    except orjson.JSONDecodeError:
        return []
    return [each for each in details if isinstance(each, dict)] if isinstance(details, list) else []
