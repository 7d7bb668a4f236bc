"""Positions: points in a generation's log from which a client can resume. Pure."""

from typing import Final

from gateway.protocol.errors import Refused, invalid

REFUSED_POSITION: Final = "refused"
"""Position of an `error` event of no generation; an `EventSource` that reconnects with it is stopped by 204."""


def format_position(generation_id: str, seq: int) -> str:
    """Format a position from a generation's id and a sequence number."""
    return f"{generation_id}:{seq}"


def parse_position(text: str, param: str = "last_event_id") -> tuple[str, int]:
    """Parse a position into a generation's id and a sequence number.

    Raises:
        Refused: The text is not a position.
    """
    generation_id, _, seq = text.rpartition(":")
    if not generation_id or not seq.isascii() or not seq.isdigit() or len(seq) > 15:
        raise invalid_position(text, param)
    return generation_id, int(seq)


def invalid_position(text: str, param: str = "last_event_id") -> Refused:
    """Build the refusal of a position that is malformed, or belongs to another generation; `param` held it."""
    return invalid(
        f"{text[:100]!r} is not a position: send the id of the last event you received, unchanged, "
        "or omit it to read from the beginning.",
        param=param,
    )


def not_reached(generation_id: str, seq: int, last: int, param: str) -> Refused:
    """Build the refusal of a position behind the `last` event of a generation; `param` held it."""
    return invalid(f"{param}: {generation_id} has {last} events so far, not {seq}", param=param)


def parse_position_of(generation_id: str, position: str, param: str = "last_event_id") -> int:
    """Parse a position of the given generation and return its sequence number; `param` names what held it.

    Raises:
        Refused: The text is not a position, or one of another generation.
    """
    position_id, seq = parse_position(position, param)
    if position_id != generation_id:
        raise invalid_position(position, param)
    return seq


def asked_seq(generation_id: str, position: str) -> int:
    """Return the sequence number that a client asks for, by a position or the number itself, before it is checked.

    0 if it is neither: the client learns that only of a generation that it may read.
    """
    named_id, _, seq = position.rpartition(":")
    is_number = seq.isascii() and seq.isdigit() and len(seq) <= 15
    return int(seq) if is_number and named_id in {"", generation_id} else 0
