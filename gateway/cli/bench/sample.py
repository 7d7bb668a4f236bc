"""What one request brought, and when: told of each read, it gives the sample. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from gateway.billing.usage import estimate_input, estimate_output
from gateway.protocol.commands import Message
from gateway.protocol.events import Reasoning, TextBatch, ToolCall, Usage
from gateway.upstreams.base import Finished, UpstreamEvent

EMPTY = "empty"
"""The failure of an answer that ended as it should and held nothing."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One request. Times in seconds; what is not known is None, never 0.

    `ttft`: request → first content. `duration`: request → the provider's end mark, or whatever ended it.
    `streamed_chars` came behind the first read with content, in `streamed_seconds` from that one to the last.
    `spoken_tokens` are those of `usage` whose text was sent: not those of thinking that the provider keeps to itself.
    """

    duration: float
    ttft: float | None = None
    chars: int = 0
    streamed_chars: int = 0
    streamed_seconds: float = 0.0
    gaps: Sequence[float] = ()
    usage: Usage | None = None
    spoken_tokens: int | None = None
    failure: str | None = None
    message: str = ""

    @property
    def chars_per_s(self) -> float | None:
        """Give the characters a second once it streamed; None of an answer that came in one read.

        The first read is left out: what it brought was written before the time that is counted.
        """
        return self.streamed_chars / self.streamed_seconds if self.streamed_seconds > 0 else None

    @property
    def tokens_per_s(self) -> float | None:
        """Give the tokens a second once it streamed, as if they were spread over the characters evenly."""
        speed = self.chars_per_s
        if speed is None or self.spoken_tokens is None or not self.chars:
            return None
        return speed * self.spoken_tokens / self.chars


@dataclass(slots=True)
class Recorder:
    """Takes down one request that was sent at `began`."""

    began: float
    messages: Sequence[Message]
    ended: float | None = field(init=False, default=None)
    """When the provider's end mark came."""
    _reads: list[float] = field(init=False, default_factory=list)
    _chars: int = field(init=False, default=0)
    _first_chars: int = field(init=False, default=0)
    _bytes: int = field(init=False, default=0)
    _thought: bool = field(init=False, default=False)
    _usage: Usage | None = field(init=False, default=None)

    def take(self, parts: Sequence[UpstreamEvent], now: float) -> None:
        """Tell what one read brought."""
        before, anything = self._chars, False
        for part in parts:
            if isinstance(part, Usage):
                # Each is of the answer so far: the last one counts.
                self._usage = part
            elif isinstance(part, Finished):
                self.ended = now
            else:
                anything = self._count(part) or anything
        if anything:
            if not self._reads:
                self._first_chars = self._chars - before
            self._reads.append(now)

    def complete(self, now: float) -> Sample:
        """Give the sample of an answer that came to its end; without content it is a failure all the same."""
        end = now if self.ended is None else self.ended
        if not self._reads:
            return Sample(end - self.began, failure=EMPTY, message="The answer held nothing.")
        usage = self._used()
        return Sample(
            duration=end - self.began,
            ttft=self._reads[0] - self.began,
            chars=self._chars,
            streamed_chars=self._chars - self._first_chars,
            streamed_seconds=self._reads[-1] - self._reads[0],
            gaps=[later - earlier for earlier, later in zip(self._reads, self._reads[1:], strict=False)],
            usage=usage,
            spoken_tokens=self._spoken(usage),
        )

    def failed(self, now: float, code: str, message: str) -> Sample:
        """Give the sample of one that did not; what came before is no answer, and only its beginning is told."""
        first = self._reads[0] - self.began if self._reads else None
        return Sample(now - self.began, first, self._chars, failure=code, message=message)

    def _count(self, part: UpstreamEvent) -> bool:
        """Count content; False if it is none."""
        match part:
            case ToolCall():
                text, anything = part.arguments, True
            case TextBatch():
                text, anything = part.text.content, bool(part.text.content)
                self._thought = self._thought or isinstance(part.text, Reasoning)
            case Usage() | Finished():
                return False
            case _:
                text, anything = part.content, bool(part.content)
                self._thought = self._thought or isinstance(part, Reasoning)
        self._chars += len(text)
        self._bytes += len(text.encode(errors="replace"))
        return anything

    def _used(self) -> Usage:
        """Give the provider's figures; what it left out is estimated, which makes all of it an estimate."""
        said = self._usage or Usage(None, None, "estimated")
        whole = said.input_tokens is not None and said.output_tokens is not None
        return Usage(
            estimate_input(self.messages) if said.input_tokens is None else said.input_tokens,
            estimate_output(self._bytes) if said.output_tokens is None else said.output_tokens,
            said.source if whole else "estimated",
            said.cached_input_tokens,
            said.reasoning_tokens,
        )

    def _spoken(self, usage: Usage) -> int | None:
        if usage.output_tokens is None:
            return None
        return usage.output_tokens if self._thought else max(0, usage.output_tokens - (usage.reasoning_tokens or 0))
