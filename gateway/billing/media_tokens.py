"""Estimate the tokens of images, documents and audio by the rules that the providers publish. Pure.

The model decides which rule applies, not the provider that serves it: Claude counts alike at Anthropic and at a
reseller with OpenAI's API. Models of unknown families are estimated by OpenAI's rule for most of its models.

Sources: platform.openai.com, "Images and vision", "Calculating costs"; docs.anthropic.com, "Vision", "Calculate image
costs", and "PDF support"; ai.google.dev, "Understand and count tokens", "Multimodal tokens".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, sqrt
from typing import Protocol, Self, TypeVar

from gateway.billing.image_size import Size, read_image_size

T = TypeVar("T")

UNKNOWN_SIZE: Size = (1024, 1024)
"""Size assumed for an image that is sent as a URL, or in a format whose size is not read."""

BYTES_PER_PAGE = 50_000
"""Bytes of a PDF for one page, about right for a mix of text and pictures. Its pages are not counted."""

MAX_PAGES = 100
"""Maximum pages that a document is estimated at: the limit of Anthropic's API for most of its models."""

AUDIO_BYTES_PER_SECOND: Mapping[str, int] = {"wav": 48_000}
"""Bytes of a second of audio by format: 24 kHz with 16 bits, in which OpenAI's examples record."""

COMPRESSED_BYTES_PER_SECOND = 16_000
"""Bytes of a second of any other audio: 128 kbit/s."""

VIDEO_BYTES_PER_SECOND = 250_000
"""Bytes of a second of video: 2 Mbit/s, as phones and screens are recorded."""

UNKNOWN_SECONDS = 30
"""Length assumed for audio or video that is sent as a URL."""

_TILES: Mapping[str, tuple[int, int]] = {
    "gpt-4o-mini": (2833, 5667),
    "gpt-5": (70, 140),
    "o1": (75, 150),
    "o3": (75, 150),
    "computer-use-preview": (65, 129),
}
"""Tokens of an image, and of each of its tiles, by the prefix of a model's name; (85, 170) for all others."""

_PATCHES: Mapping[str, float] = {
    "gpt-4.1-mini": 1.62,
    "gpt-4.1-nano": 2.46,
    "gpt-5-mini": 1.62,
    "gpt-5-nano": 2.46,
    "o4-mini": 1.72,
}
"""Factor on the number of patches of 32 by 32 pixels, by the prefix of a model's name."""

_MAX_PATCHES = 1536


class Media(Protocol):
    """What a prompt contains beside text. It holds no data: only what its tokens depend on."""

    def tokens(self, model: str) -> int:
        """Estimate its tokens for a model."""
        ...


@dataclass(frozen=True, slots=True)
class Image:
    """An image. `detail` is OpenAI's."""

    size: Size = UNKNOWN_SIZE
    detail: str | None = None

    @classmethod
    def read(cls, data: str | None, detail: object = None) -> Self:
        """Read an image from its base64 text, None for a URL."""
        size = (read_image_size(data) if data else None) or UNKNOWN_SIZE
        return cls(size, detail if isinstance(detail, str) else None)

    def tokens(self, model: str) -> int:
        """Estimate its tokens by the rule of the model's maker."""
        if "claude" in model:
            return _claude_image(self.size)
        return _gemini_image(self.size) if "gemini" in model else _openai_image(model, self.size, self.detail)


@dataclass(frozen=True, slots=True)
class Document:
    """A PDF, of which each page counts as text and as a picture."""

    pages: int = 1

    @classmethod
    def read(cls, data: str | None) -> Self:
        """Read a document from its base64 text, None for a URL."""
        return cls(min(MAX_PAGES, max(1, ceil(_byte_length(data or "") / BYTES_PER_PAGE))))

    def tokens(self, model: str) -> int:
        """Estimate its tokens for a model."""
        # Anthropic: 1,500 to 3,000 tokens of text, and a picture. Google: 258 for a page. OpenAI: text and a picture.
        return self.pages * (3000 if "claude" in model else 258 if "gemini" in model else 1500)


@dataclass(frozen=True, slots=True)
class Audio:
    """Recorded speech or sound."""

    seconds: int

    @classmethod
    def read(cls, data: str | None, kind: object = None) -> Self:
        """Read audio from its base64 text, None for a URL, and its format, such as `wav`."""
        rate = AUDIO_BYTES_PER_SECOND.get(str(kind), COMPRESSED_BYTES_PER_SECOND)
        return cls(UNKNOWN_SECONDS if data is None else max(1, ceil(_byte_length(data) / rate)))

    def tokens(self, model: str) -> int:
        """Estimate its tokens for a model."""
        # Google: 32 tokens a second. OpenAI: one for 100 ms of input.
        return self.seconds * (32 if "gemini" in model else 10)


@dataclass(frozen=True, slots=True)
class Video:
    """A video, which the models that take any see as pictures, one a second."""

    seconds: int

    @classmethod
    def read(cls, data: str | None) -> Self:
        """Read a video from its base64 text, None for a URL."""
        return cls(UNKNOWN_SECONDS if data is None else max(1, ceil(_byte_length(data) / VIDEO_BYTES_PER_SECOND)))

    def tokens(self, _model: str) -> int:
        """Estimate its tokens: Google's 258 for a picture, and some for sound."""
        return self.seconds * 263


def _claude_image(size: Size) -> int:
    """Return the area divided by 750, after Anthropic has reduced the long edge to 1,568 pixels; at most some 1,600."""
    width, height = _fit(size, 1568)
    return min(1600, max(1, ceil(width * height / 750)))


def _gemini_image(size: Size) -> int:
    """Return 258 tokens for a small image, or for each of the tiles that a larger one is cut into."""
    if max(size) <= 384:
        return 258
    unit = max(256, int(min(size) / 1.5))
    return ceil(size[0] / unit) * ceil(size[1] / unit) * 258


def _openai_image(model: str, size: Size, detail: object) -> int:
    name = model.rpartition("/")[2]
    factor = _by_prefix(_PATCHES, name, 0.0)
    if factor:
        return ceil(_count_patches(size) * factor)
    base, tile = _by_prefix(_TILES, name, (85, 170))
    if detail == "low":
        return base
    width, height = _fit(size, 2048)
    scale = min(1.0, 768 / min(width, height))
    return base + tile * ceil(width * scale / 512) * ceil(height * scale / 512)


def _count_patches(size: Size) -> int:
    patches = ceil(size[0] / 32) * ceil(size[1] / 32)
    if patches <= _MAX_PATCHES:
        return patches
    scale = sqrt(_MAX_PATCHES * 32**2 / (size[0] * size[1]))
    return max(1, int(size[0] * scale / 32)) * max(1, int(size[1] * scale / 32))


def _fit(size: Size, edge: int) -> tuple[float, float]:
    scale = min(1.0, edge / max(size))
    return size[0] * scale, size[1] * scale


def _by_prefix(table: Mapping[str, T], name: str, default: T) -> T:
    return table[max(found, key=len)] if (found := [prefix for prefix in table if name.startswith(prefix)]) else default


def _byte_length(data: str) -> int:
    return len(data) * 3 // 4
