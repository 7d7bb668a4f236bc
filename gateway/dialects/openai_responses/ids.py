"""Ids of responses and of their items. Pure.

Both derive from the generation's id, so that a replay of its log gives the same ones.
"""

_GENERATION = "g"
_RESPONSE = "resp"


def response_id(generation_id: str) -> str:
    """Return the id of the response that a generation is."""
    return _RESPONSE + generation_id.removeprefix(_GENERATION)


def generation_id(response_id: str) -> str | None:
    """Return the id of the generation that a response is; None if no response has this id."""
    return _GENERATION + response_id.removeprefix(_RESPONSE) if response_id.startswith(_RESPONSE) else None


def item_id(prefix: str, generation_id: str, output_index: int) -> str:
    """Return the id of an item of the output; `prefix` names its type, such as `msg`."""
    return f"{prefix}{generation_id.removeprefix(_GENERATION)}_{output_index}"
