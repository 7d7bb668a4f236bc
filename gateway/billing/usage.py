"""What a generation used: the provider's own figures where it gave them, else an estimate that says so. Pure."""

from collections.abc import Iterable, Sequence

import orjson

from gateway.protocol.commands import Message
from gateway.protocol.events import Usage

BYTES_PER_TOKEN = 4
"""About what current tokenizers make of English prose; other scripts take more bytes a character, so bytes are fairer
than characters. Providers' own rule of thumb (OpenAI, "What are tokens and how to count them?")."""

TOKENS_PER_MESSAGE = 4
"""What the chat format adds to each message (OpenAI cookbook, "How to count tokens")."""


def estimate_output(text_bytes: int) -> int:
    """Estimate the tokens of generated text, from its size in UTF-8 bytes."""
    return -(-text_bytes // BYTES_PER_TOKEN)


def estimate_input(messages: Iterable[Message]) -> int:
    """Estimate the tokens of a prompt."""
    return sum(TOKENS_PER_MESSAGE + estimate_output(_size(message)) for message in messages)


def total(parts: Sequence[Usage]) -> Usage:
    """Add up attempts: exact if each is (none at all is exactly nothing), unknown where one is unknown."""
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
    """Add up what is a part of something else: a provider that does not tell it has none, as far as anybody knows."""
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def _size(message: Message) -> int:
    return len(message.content.encode()) if isinstance(message.content, str) else len(orjson.dumps(message.content))
