"""What is stored of a generation at its start, and never changes. Pure."""

from typing import Final

from pydantic import TypeAdapter

from gateway.pipeline.handover import Terms

_TERMS: Final = TypeAdapter(Terms)
_EXCLUDED: Final = {"principal": {"credential"}}


def encode_facts(terms: Terms) -> bytes:
    """Encode terms as JSON. What proved the principal's identity is left out: no other gateway needs it."""
    return _TERMS.dump_json(terms, exclude=_EXCLUDED)


def decode_facts(data: bytes) -> Terms:
    """Decode terms; fields that only a newer gateway has are ignored.

    Raises:
        ValueError: these are none.
    """
    return _TERMS.validate_json(data)
