"""Records what one request returned, and when, as a sample. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from gateway.billing.usage import estimate_input, estimate_output
from gateway.protocol.commands import Message
from gateway.protocol.events import Part, Reasoning, SignedReasoning, TextBatch, ToolCall, Usage, Verbatim
from gateway.upstreams.base import Finished, UpstreamEvent

EMPTY = "empty"
"""Failure code of an answer that ended normally without content."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One request. Times in seconds; an unknown figure is None, never 0.

    `ttft`: from the request to the first content. `duration`: from the request to the provider's end mark, or to the
    failure. `streamed_chars` arrived after the first read with content, in the `streamed_seconds` from that read to the
    last. `sent_tokens` are the output tokens whose text was sent, without those of hidden reasoning.
    """

    duration: float
    ttft: float | None = None
    chars: int = 0
    streamed_chars: int = 0
    streamed_seconds: float = 0.0
    gaps: Sequence[float] = ()
    usage: Usage | None = None
    sent_tokens: int | None = None
    failure: str | None = None
    message: str = ""

    @property
    def chars_per_s(self) -> float | None:
        """Return characters per second of the stream; None if the answer came in one read.

        The first read is not counted: its content was generated before the time that is measured.
        """
        return self.streamed_chars / self.streamed_seconds if self.streamed_seconds > 0 else None

    @property
    def tokens_per_s(self) -> float | None:
        """Return tokens per second of the stream, assuming that tokens are spread evenly over the characters."""
        speed = self.chars_per_s
        if speed is None or self.sent_tokens is None or not self.chars:
            return None
        return speed * self.sent_tokens / self.chars


@dataclass(slots=True)
class Recorder:
    """Records one request that was sent at `began`."""

    began: float
    messages: Sequence[Message]
    ended: float | None = field(init=False, default=None)
    """Time of the provider's end mark."""
    _reads: list[float] = field(init=False, default_factory=list)
    _chars: int = field(init=False, default=0)
    _first_chars: int = field(init=False, default=0)
    _bytes: int = field(init=False, default=0)
    _shows_reasoning: bool = field(init=False, default=False)
    _usage: Usage | None = field(init=False, default=None)

    def add(self, events: Sequence[UpstreamEvent], now: float) -> None:
        """Record the events of one read."""
        chars_before, has_content = self._chars, False
        for event in events:
            if isinstance(event, Usage):
                # Usage is cumulative, so the last one counts.
                self._usage = event
            elif isinstance(event, Finished):
                self.ended = now
            else:
                has_content = self._count(event) or has_content
        if has_content:
            if not self._reads:
                self._first_chars = self._chars - chars_before
            self._reads.append(now)

    def complete(self, now: float) -> Sample:
        """Return the sample of a completed answer. Without content it is a failure."""
        end = now if self.ended is None else self.ended
        if not self._reads:
            return Sample(end - self.began, failure=EMPTY, message="The answer was empty.")
        usage = self._complete_usage()
        return Sample(
            duration=end - self.began,
            ttft=self._reads[0] - self.began,
            chars=self._chars,
            streamed_chars=self._chars - self._first_chars,
            streamed_seconds=self._reads[-1] - self._reads[0],
            gaps=[later - earlier for earlier, later in zip(self._reads, self._reads[1:], strict=False)],
            usage=usage,
            sent_tokens=self._count_sent(usage),
        )

    def failed(self, now: float, code: str, message: str) -> Sample:
        """Return the sample of a failed request. Of the partial answer only its first content and its length count."""
        first = self._reads[0] - self.began if self._reads else None
        return Sample(now - self.began, first, self._chars, failure=code, message=message)

    def _count(self, event: UpstreamEvent) -> bool:
        """Count the characters of an event; return True if it has content."""
        match event:
            case ToolCall():
                text, has_content = event.arguments, True
            case TextBatch():
                text, has_content = event.text.content, bool(event.text.content)
                self._shows_reasoning = self._shows_reasoning or isinstance(event.text, Reasoning)
            case Usage() | Finished() | Verbatim():
                return False
            case Part() | SignedReasoning():
                return isinstance(event, Part)
            case _:
                text, has_content = event.content, bool(event.content)
                self._shows_reasoning = self._shows_reasoning or isinstance(event, Reasoning)
        self._chars += len(text)
        self._bytes += len(text.encode(errors="replace"))
        return has_content

    def _complete_usage(self) -> Usage:
        """Return the provider's usage. A missing count is estimated, which makes the whole usage an estimate."""
        usage = self._usage or Usage(None, None, "estimated")
        complete = usage.input_tokens is not None and usage.output_tokens is not None
        return Usage(
            estimate_input(self.messages) if usage.input_tokens is None else usage.input_tokens,
            estimate_output(self._bytes) if usage.output_tokens is None else usage.output_tokens,
            usage.source if complete else "estimated",
            usage.cached_input_tokens,
            usage.reasoning_tokens,
            usage.cache_write_tokens,
            usage.cache_write_1h_tokens,
        )

    def _count_sent(self, usage: Usage) -> int | None:
        if usage.output_tokens is None:
            return None
        return (
            usage.output_tokens
            if self._shows_reasoning
            else max(0, usage.output_tokens - (usage.reasoning_tokens or 0))
        )
