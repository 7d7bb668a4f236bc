"""How many tokens Claude's models can write: the API requires `max_tokens`, and has no default. Pure.

Source: docs.anthropic.com, "Models overview", "Max output". docs/reference/providers.md shows the table; a test
compares them.
"""

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from gateway.billing.usage import estimate_input
from gateway.protocol.commands import Message

UNKNOWN_MODEL: Final = 8192
"""`max_tokens` for models of other makers, of whose servers with this API we know no maximum."""

CONTEXT: Final = 200_000
"""Tokens of prompt and answer together."""

MARGIN: Final = 1.5
"""Factor on the estimate of a prompt's tokens: code and other scripts than Latin have more of them."""

LEAST: Final = 4096
"""What is left for an answer to a long prompt. Every model allows this many."""


class Family(NamedTuple):
    """Models by the pattern of their names, with the most tokens that they can write.

    `bounded`: the API refuses a request whose prompt and `max_tokens` together exceed the context. Later models answer,
    and stop with `model_context_window_exceeded`.
    """

    names: str
    pattern: str
    max_tokens: int
    bounded: bool = False


FAMILIES: Final[Sequence[Family]] = (
    Family("Claude 2, Claude 3", r"claude-(?:instant|[12]\b|3-(?:opus|sonnet|haiku))", 4096, bounded=True),
    Family("Claude 3.5", r"claude-3[.-]5", 8192, bounded=True),
    Family(
        "Claude Opus 4 and 4.1",
        r"claude-opus-4(?:[.-][01])?(?:[-@](?:\d{8}|latest)|$|\b(?![.-]\d))",
        32_000,
        bounded=True,
    ),
    Family(
        "Claude 3.7, Claude Sonnet 4",
        r"claude-(?:3[.-]7|sonnet-4(?:[.-]0)?(?:[-@](?:\d{8}|latest)|$))",
        64_000,
        bounded=True,
    ),
    Family("Claude Opus from 4.6 on", r"claude-opus-(?:4[.-](?:[6-9]|\d\d)\b|[5-9])", 128_000),
    Family("all other Claude models", r"claude", 64_000),
)
"""The first family whose pattern a model's name contains is its own."""


def default_max_tokens(model: str, messages: Sequence[Message]) -> int | None:
    """Return the `max_tokens` of a request that sets none: all that a model can write; None for an unknown model."""
    family = next((family for family in FAMILIES if re.search(family.pattern, model)), None)
    if family is None or not family.bounded:
        return family and family.max_tokens
    room = CONTEXT - int(estimate_input(messages, model) * MARGIN)
    return max(LEAST, min(family.max_tokens, room))
