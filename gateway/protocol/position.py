"""Positions: where in a generation's log a client is. Pure."""

from gateway.protocol.errors import Refused, invalid


def position(generation_id: str, seq: int) -> str:
    """Write a position: the generation and a sequence number."""
    return f"{generation_id}:{seq}"


def parse_position(text: str) -> tuple[str, int]:
    """Read a position back.

    Raises:
        Refused: when it is not one of ours.
    """
    generation_id, _, seq = text.rpartition(":")
    if not generation_id or not seq.isascii() or not seq.isdigit() or len(seq) > 15:
        raise broken_position(text)
    return generation_id, int(seq)


def broken_position(text: str) -> Refused:
    """Make the refusal of a position that we did not write."""
    return invalid(
        f"{text[:100]!r} is not a position: send the id of the last event you got, unchanged, "
        "or nothing to read from the beginning.",
        param="last_event_id",
    )


def after_position(generation_id: str, position: str) -> int:
    """Read a position that must belong to this generation.

    Raises:
        Refused: when it does not.
    """
    named, seq = parse_position(position)
    if named != generation_id:
        raise broken_position(position)
    return seq
