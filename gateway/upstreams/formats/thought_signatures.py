"""Thought signatures of tool calls: where they stand, and which models must get them back. Pure.

Source: ai.google.dev, "Thought signatures".
"""

import re
from typing import Final

from gateway.protocol.commands import JsonObject
from gateway.upstreams.formats.json_values import object_of, text_of

STAND_IN: Final = "skip_thought_signature_validator"
"""Takes the place of a thought signature that is not known ("Thought signatures", FAQ)."""

_BEFORE_GEMINI_3: Final = re.compile(r"(?:models/)?gemini-[12]")


def is_before_gemini_3(model: str) -> bool:
    """Return True for a model that does without signatures. Later ones refuse a call that has none."""
    return _BEFORE_GEMINI_3.match(model) is not None


def call_signature(call: JsonObject) -> str:
    """Return the signature of a tool call, in our field, Google's or LiteLLM's; "" without one."""
    google = object_of(object_of(call.get("extra_content")).get("google"))
    lite = object_of(call.get("provider_specific_fields"))
    found = (call.get("signature"), google.get("thought_signature"), lite.get("thought_signature"))
    return next((text for value in found if (text := text_of(value))), "")
