"""What is known of a generation at its start, and never changes: it is stored beside its events. Pure."""

from dataclasses import dataclass, replace
from typing import Final

from pydantic import TypeAdapter

from gateway.protocol.commands import OnDisconnect
from gateway.security.principals import Principal


@dataclass(frozen=True, slots=True)
class Facts:
    """Whose the generation is, and how it is kept."""

    principal: Principal
    on_disconnect: OnDisconnect = "grace"
    retention: float = 0.0


_FACTS: Final = TypeAdapter(Facts)


def encode_facts(facts: Facts) -> bytes:
    """Encode facts as JSON. What proved the principal's identity is left out: no other gateway needs it."""
    return _FACTS.dump_json(replace(facts, principal=replace(facts.principal, credential="")))


def decode_facts(data: bytes) -> Facts:
    """Decode facts; fields that only a newer gateway has are ignored.

    Raises:
        ValueError: these are no facts.
    """
    return _FACTS.validate_json(data)
