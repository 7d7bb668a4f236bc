"""Token usage: estimates where the provider reports no figures, and sums over attempts. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

import orjson
from pydantic import JsonValue

from gateway.billing.media_tokens import Audio, Document, Image, Media, Video
from gateway.protocol.commands import JsonObject, Message
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


@dataclass(frozen=True, slots=True)
class PromptSize:
    """What the tokens of a prompt are estimated from: those of its text, and what it contains beside text."""

    text_tokens: int = 0
    media: tuple[Media, ...] = ()

    @classmethod
    def of(cls, messages: Iterable[Message]) -> Self:
        """Measure messages."""
        media: list[Media] = []
        tokens = 0
        for message in messages:
            tokens += TOKENS_PER_MESSAGE + _text_tokens(message, media)
        return cls(tokens, tuple(media))

    def __add__(self, other: "PromptSize") -> "PromptSize":
        return PromptSize(self.text_tokens + other.text_tokens, self.media + other.media)

    def tokens(self, model: str) -> int:
        """Estimate the tokens for a model, which decides how images, documents and audio count."""
        return self.text_tokens + (sum(item.tokens(model) for item in self.media) if self.media else 0)


def estimate_input(messages: Iterable[Message], model: str = "") -> int:
    """Estimate the tokens of a prompt for a model."""
    return PromptSize.of(messages).tokens(model)


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
        cache_write_tokens=_sum_known([part.cache_write_tokens for part in parts]),
        cache_write_1h_tokens=_sum_known([part.cache_write_1h_tokens for part in parts]),
    )


def _sum(counts: list[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None


def _sum_known(counts: list[int | None]) -> int | None:
    """Sum optional sub-counts (cached, reasoning, written): a missing one counts as 0, all missing as None."""
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def _text_tokens(message: Message, media: list[Media]) -> int:
    """Return the tokens of a message's text and tool calls, and append what else it contains to `media`."""
    calls = (message.model_extra or {}).get("tool_calls")
    size = len(orjson.dumps(calls)) if calls else 0
    if isinstance(message.content, str):
        return estimate_output(size + len(message.content.encode()))
    return estimate_output(size + _measure_parts(message.content or (), media))


def _measure_parts(parts: Iterable[JsonObject], media: list[Media]) -> int:
    """Return the bytes of text in content parts, and append what else they contain to `media`."""
    size = 0
    for part in parts:
        match part:
            case {"type": "text", "text": str() as text}:
                size += len(text.encode())
            case {"type": "tool_result", "content": list() as content}:
                size += _measure_parts([inner for inner in content if isinstance(inner, dict)], media)
            case _ if item := _read_media(part):
                media.append(item)
            case _:
                size += len(orjson.dumps(part))
    return size


def _read_media(part: JsonObject) -> Media | None:
    """Return what a content part in OpenAI's format contains, or a block in Anthropic's; None if neither is known."""
    kind = str(part.get("type"))
    inner = part.get(kind)
    # Most parts hold their data under their own type; some servers, and OpenAI's Responses, directly.
    fields: JsonObject = inner if isinstance(inner, dict) else part
    match kind:
        case "image_url" | "input_image":
            return Image.read(_base64_of(fields.get("url") or fields.get("image_url")), fields.get("detail"))
        case "file" | "input_file" | "document_url":
            return Document.read(_base64_of(fields.get("file_data") or fields.get("document_url")))
        case "input_audio" | "audio_url":
            return Audio.read(_text_or_none(fields.get("data")) or _base64_of(fields.get("url")), fields.get("format"))
        case "video_url":
            return Video.read(_base64_of(fields.get("url")))
        case "image" | "document" if (source := part.get("source")) and isinstance(source, dict):
            data = _text_or_none(source.get("data")) if source.get("type") == "base64" else None
            is_text = source.get("type") in {"text", "content"}
            return None if is_text else (Image if kind == "image" else Document).read(data)
    return None


def _base64_of(url: JsonValue) -> str | None:
    """Return the data of a `data:` URL, None of any other."""
    return url.partition(",")[2] if isinstance(url, str) and url.startswith("data:") else None


def _text_or_none(value: object) -> str | None:
    return value if isinstance(value, str) else None
