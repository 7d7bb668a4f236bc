"""A case: the bytes of a provider's response, and what a client must get from them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import JsonValue

from gateway.protocol.commands import JsonObject
from gateway.protocol.errors import CODES, Code, Failed
from gateway.protocol.events import Chunk, Part, Reasoning, SignedReasoning, ToolCall, Usage
from gateway.upstreams.base import Finished, UpstreamEvent
from gateway.upstreams.formats.anthropic import AnthropicFormat
from gateway.upstreams.formats.base import WireFormat
from gateway.upstreams.formats.gemini import GeminiFormat
from gateway.upstreams.formats.openai_chat import OpenAIChatFormat
from gateway.upstreams.formats.openai_responses import OpenAIResponsesFormat

FOLDER = Path(__file__).parent
PartCase = tuple[str, JsonObject]
"""Kind and fields of a part."""

Api = Literal["openai", "openai-responses", "anthropic", "gemini"]
FORMATS: Mapping[Api, type[WireFormat]] = {
    "openai": OpenAIChatFormat,
    "openai-responses": OpenAIResponsesFormat,
    "anthropic": AnthropicFormat,
    "gemini": GeminiFormat,
}


def citation(wire_format: Api, url: str | None, title: str | None, text: str | None, source: JsonObject) -> PartCase:
    """Return what a client gets of a citation: what has a name in our protocol, and all of it as it came."""
    return "citation", {"url": url, "title": title, "text": text, "format": wire_format, "source": source}


def logprobs(*tokens: tuple[str, float], top: Sequence[tuple[str, float]] = (), utf8: bool = True) -> PartCase:
    """Return what a client gets of log probabilities; `top` are the alternatives to the first token."""

    def each(token: str, logprob: float) -> JsonObject:
        return {"token": token, "logprob": logprob, "bytes": [*token.encode()] if utf8 else None}

    tops: list[list[JsonValue]] = [[each(*token) for token in top], *([] for _ in tokens)]
    items: list[JsonValue] = [{**each(*token), "top_logprobs": best} for token, best in zip(tokens, tops, strict=False)]
    return "logprobs", {"tokens": items}


@dataclass
class Received:
    """What a client gets: the joined texts, the calls, the other parts, and the end."""

    text: str = ""
    reasoning: str = ""
    calls: list[tuple[str | None, str | None, str]] = field(default_factory=list)
    """Id, name and arguments of each tool call, by its index."""
    signatures: list[str] = field(default_factory=list)
    parts: list[tuple[str, dict[str, object]]] = field(default_factory=list)
    usage: Usage | None = None
    finish: str | None = None
    response: Mapping[str, JsonValue] = field(default_factory=dict)
    code: Code | None = None
    retryable: bool = False
    message: str = ""

    @classmethod
    def of(cls, events: Iterable[UpstreamEvent], failure: Failed | None = None) -> "Received":
        """Sum up the events of a response, with batches of text already split."""
        received = cls()
        for event in events:
            received._add(event)
        if failure is not None:
            received.finish = None
            received.code, received.retryable, received.message = failure.code, failure.retryable, failure.message
        return received

    def _add(self, event: UpstreamEvent) -> None:
        if isinstance(event, Chunk):
            self.text += event.content
        elif isinstance(event, Reasoning):
            self.reasoning += event.content
        elif isinstance(event, SignedReasoning):
            self.reasoning += event.content
            self.signatures.append(event.signature)
        elif isinstance(event, ToolCall):
            self._add_call(event)
        elif isinstance(event, Part):
            self.parts.append((event.kind, dict(event.fields)))
        elif isinstance(event, Usage):
            self.usage = event
        elif isinstance(event, Finished):
            self.finish, self.response = event.reason, event.response

    def _add_call(self, call: ToolCall) -> None:
        if call.index == len(self.calls):
            self.calls.append((call.id, call.name, call.arguments))
        else:
            # After its first delta, a call has neither an id nor a name.
            assert (call.id, call.name) == (None, None)
            call_id, name, arguments = self.calls[call.index]
            self.calls[call.index] = (call_id, name, arguments + call.arguments)
        if call.signature is not None:
            self.signatures.append(call.signature)


@dataclass(frozen=True)
class Case:
    """A response in a file of the folder of its API, what it shows, and what a client gets.

    `usage` is the exact count of input and output tokens, with the cached ones as a third; None: no figures. `says` is
    a part of the error's message, `silent` a text that it must not contain. `response` is what the provider says of its
    response; None: it does not matter.
    """

    api: Api
    file: str
    shows: str
    text: str = ""
    reasoning: str = ""
    calls: tuple[tuple[str | None, str | None, str], ...] = ()
    signatures: tuple[str, ...] = ()
    parts: tuple[tuple[str, Mapping[str, object]], ...] = ()
    usage: tuple[int | None, ...] | None = None
    finish: str | None = "stop"
    response: Mapping[str, JsonValue] | None = None
    code: Code | None = None
    retryable: bool | None = None
    says: str = ""
    silent: str = ""

    @property
    def bytes(self) -> bytes:
        """Return the response: events of a stream (`.sse`), or a whole answer with its head (`.http`)."""
        return (FOLDER / self.api / self.file).read_bytes()

    @property
    def is_stream(self) -> bool:
        """Return True if the file has the events alone."""
        return self.file.endswith(".sse")

    def check(self, received: Received) -> None:
        """Compare what came with what is right."""
        content = (self.text, self.reasoning, [*self.calls], [*self.signatures])
        assert (received.text, received.reasoning, received.calls, received.signatures) == content
        assert received.parts == [(kind, dict(fields)) for kind, fields in self.parts]
        assert received.code == self.code
        if self.code is not None:
            assert received.finish is None
            return
        assert received.finish == self.finish
        assert self.response is None or received.response == self.response
        assert _figures(received.usage, self.usage) == self.usage

    def check_failure(self, received: Received) -> None:
        """Compare what an error says."""
        assert received.retryable == self.is_retryable
        assert self.says in received.message
        assert not self.silent or self.silent not in received.message

    @property
    def is_retryable(self) -> bool:
        """Return True if the outcome is an error that a retry may mend."""
        default = self.code is not None and CODES[self.code].retryable
        return default if self.retryable is None else self.retryable

    @property
    def outcome(self) -> str:
        """Return what a client gets, for the documentation."""
        named = {
            "text": self.text,
            "reasoning": self.reasoning,
            "tool call": self.calls,
            "signature": self.signatures,
            **dict.fromkeys((f"`{kind}`" for kind, _ in self.parts), "part"),
        }
        content = ", ".join(
            name + ("s" if name == "tool call" and len(self.calls) > 1 else "") for name in named if named[name]
        )
        if self.code is None:
            figures = "" if self.usage is None else f", usage {'/'.join(map(str, self.usage))}"
            end = f"`complete` with `{self.finish}`{figures}" if self.finish else f"`complete`{figures}"
        else:
            end = f"error `{self.code}`, {'retryable' if self.is_retryable else 'final'}"
        return f"{content}; {end}" if content else end


def _figures(usage: Usage | None, wanted: tuple[int | None, ...] | None) -> tuple[int | None, ...] | None:
    """Return as many figures as the case names."""
    if usage is None:
        return None
    figures = (usage.input_tokens, usage.output_tokens, usage.cached_input_tokens, usage.reasoning_tokens)
    return figures[: len(wanted or figures)]
