"""Token usage: estimates where the provider reports no figures, and sums over attempts. Pure."""

from collections.abc import Iterable, Sequence

import orjson

from gateway.protocol.commands import Message
from gateway.protocol.events import Usage

BYTES_PER_TOKEN = 4
"""Bytes of UTF-8 per token, about right for current tokenizers and English prose.

The providers' own rule of thumb (OpenAI, "What are tokens and how to count them?"). A character of another script has
more bytes and more tokens, so an estimate from bytes is closer than one from characters.
"""

TOKENS_PER_MESSAGE = 4
"""Tokens that the chat format adds to each message (OpenAI cookbook, "How to count tokens")."""


def estimate_output(text_bytes: int) -> int:
    """Estimate the tokens of generated text, from its size in UTF-8 bytes."""
    return -(-text_bytes // BYTES_PER_TOKEN)


def estimate_input(messages: Iterable[Message]) -> int:
    """Estimate the tokens of a prompt."""
    return sum(TOKENS_PER_MESSAGE + estimate_output(_size(message)) for message in messages)


def sum_usage(parts: Sequence[Usage]) -> Usage:
    """Sum the usage of attempts: exact if all are, None where one is None. No attempts at all are exactly 0 tokens."""
    if len(parts) == 1:
        return parts[0]
    return Usage(
        input_tokens=_sum([part.input_tokens for part in parts]),
        output_tokens=_sum([part.output_tokens for part in parts]),
        source="exact" if all(part.source == "exact" for part in parts) else "estimated",
        cached_input_tokens=_sum_known([part.cached_input_tokens for part in parts]),
        reasoning_tokens=_sum_known([part.reasoning_tokens for part in parts]),
    )


def _sum(counts: list[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None


def _sum_known(counts: list[int | None]) -> int | None:
    """Sum optional sub-counts (cached, reasoning): a missing one counts as 0, all missing as None."""
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def _size(message: Message) -> int:
    return len(message.content.encode()) if isinstance(message.content, str) else len(orjson.dumps(message.content))
