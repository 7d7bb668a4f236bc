"""OpenAI chat completions, streamed: the wire format of most servers (platform.openai.com, "Streaming")."""

from dataclasses import dataclass, field, replace
from typing import Final

from pydantic import JsonValue, SecretStr

from gateway.protocol.commands import JsonObject
from gateway.protocol.errors import Failed
from gateway.protocol.events import Usage
from gateway.upstreams.base import Finished, UpstreamEvent, UpstreamRequest
from gateway.upstreams.endpoint import Endpoint
from gateway.upstreams.errors.bodies import find_error
from gateway.upstreams.errors.failures import from_finish_reason, from_stream, truncated, unreadable
from gateway.upstreams.formats.base import DONE, Quirks
from gateway.upstreams.formats.figures import merge_figures
from gateway.upstreams.formats.finish_reasons import Ending, ending_of, finish_reason
from gateway.upstreams.formats.json_values import count_of, decode, detail_of, object_of, text_of
from gateway.upstreams.formats.logprobs import openai_logprobs
from gateway.upstreams.formats.openai_chat_delta import DeltaReader
from gateway.upstreams.formats.openai_chat_request import API, build_request
from gateway.upstreams.formats.parts import unsupported_content
from gateway.upstreams.formats.response_facts import response_facts

_ENDPOINT: Final = Endpoint(("chat", "completions"))
_BETA_ENDPOINT: Final = Endpoint(("beta", "chat", "completions"))


class OpenAIChatFormat:
    """`POST {base_url}/chat/completions`; see `WireFormat`."""

    api = API

    def __init__(self, quirks: Quirks | None = None) -> None:
        self._quirks = quirks or Quirks()

    def endpoint(self, request: UpstreamRequest) -> Endpoint:
        """See `WireFormat.endpoint`."""
        # DeepSeek accepts `prefix` below /beta only (api-docs.deepseek.com, "Chat Prefix Completion").
        return _BETA_ENDPOINT if request.continues and self._quirks.continuation == "prefix" else _ENDPOINT

    def headers(self, api_key: str | None) -> dict[str, str]:
        """See `WireFormat.headers`."""
        if api_key is None:
            return {}
        return {"api-key": api_key} if self._quirks.key_header == "api-key" else {"Authorization": f"Bearer {api_key}"}

    def body(self, request: UpstreamRequest) -> JsonObject:
        """See `WireFormat.body`. Every option can be expressed."""
        return build_request(request, self._quirks)

    def without(self, field: str) -> "OpenAIChatFormat":
        """See `AdaptableFormat.without`."""
        if field == "stream_options":
            return OpenAIChatFormat(replace(self._quirks, stream_options=False))
        if field == "reasoning_effort":
            return OpenAIChatFormat(replace(self._quirks, reasoning_effort=False))
        if field == "max_tokens":
            return OpenAIChatFormat(replace(self._quirks, token_limit="max_completion_tokens"))  # noqa: S106 - a name
        return OpenAIChatFormat(replace(self._quirks, token_limit="max_tokens"))  # noqa: S106 - a field's name

    def can_continue(self, _request: UpstreamRequest) -> bool:
        """Return True if the server continues a last message of the assistant."""
        return self._quirks.continuation != "none"

    def reader(self, api_key: SecretStr | None) -> "ChunkReader":
        """See `WireFormat.reader`."""
        return ChunkReader(api_key)


@dataclass(slots=True)
class ChunkReader:
    """Reads `chat.completion.chunk` objects; see `EventReader`.

    It reads on after a finish reason, up to `[DONE]` or the end of the body: some servers send a reason early, or with
    every chunk. Content takes a reason back, and the last one counts.
    """

    api_key: SecretStr | None = None
    finished: bool = False
    done: bool = False
    _content: DeltaReader = field(default_factory=DeltaReader)
    _reason: str | None = None
    _has_deltas: bool = False
    _has_others: bool = False
    """There were choices after the first one, or without a first one."""
    _was_early: bool = False
    """Content came after a reason: reasons of this server are no end mark."""
    _usage: JsonObject | None = None
    _facts: JsonObject | None = None
    """What the provider says of its response, unchecked."""

    @property
    def is_stateless(self) -> bool:
        """See `EventReader.is_stateless`."""
        return not (self.finished or self._content.surrogates.pending)

    def new(self) -> "ChunkReader":
        """See `EventReader.new`."""
        return ChunkReader()

    def read(self, data: bytes, events: list[UpstreamEvent]) -> None:
        """See `EventReader.read`."""
        if data == DONE:
            self._end(events)
            self.done = True
            return
        try:
            chunk = decode(data)
        except Failed:
            if data.strip(b' "').upper() != DONE:
                raise
            # Some servers quote it, or write it in lower case.
            self.read(DONE, events)
            return
        choices = chunk.get("choices")
        # Nearly every chunk has one choice, and no sign of an error.
        if not choices or "error" in chunk or "x_groq" in chunk or "base_resp" in chunk:
            self._read_frame(chunk, events)
        if type(choices) is list:
            for choice in choices:
                # We ask for one answer; if a server sends several, the first one counts.
                if type(choice) is dict and (not (index := choice.get("index")) or index == "0"):
                    self._read_choice(choice, chunk, events)
                else:
                    self._has_others = True
        elif choices:
            raise unreadable("the choices are not a list")
        usage = chunk.get("usage") or (object_of(chunk["x_groq"]).get("usage") if "x_groq" in chunk else None)
        if usage:
            self._read_usage(usage, events)

    def end(self) -> list[UpstreamEvent]:
        """See `EventReader.end`."""
        if self._reason is None:
            raise truncated()
        events: list[UpstreamEvent] = []
        self._end(events)
        return events

    def _read_frame(self, chunk: JsonObject, events: list[UpstreamEvent]) -> None:
        """Read a chunk without content, or with more than content: an error, or figures."""
        error = find_error(chunk)
        if error is not None:
            raise from_stream(error, self.api_key)
        # Figures come at the end; a frame with nothing may stand anywhere.
        if self.finished and chunk.get("usage") and not chunk.get("choices"):
            self._close(events)

    def _read_choice(self, choice: JsonObject, chunk: JsonObject, events: list[UpstreamEvent]) -> None:
        if logprobs := choice.get("logprobs"):
            _read_logprobs(object_of(logprobs), events)
        before = len(events)
        delta = choice.get("delta")
        if type(delta) is dict:
            for name, value in delta.items():
                if value and name not in _PLAIN_FIELDS:
                    self._content.response_id = text_of(chunk.get("id")) or ""
                    self._content.read(delta, events)
                    break
            else:
                # Nearly every delta: text alone.
                self._content.read_text(delta.get("content"), events)
            if len(events) > before:
                self._has_deltas = True
        elif delta:
            raise unreadable("a delta is not an object")
        if "message" in choice or "text" in choice or "citations" in chunk or "search_results" in chunk:
            self._read_rest(choice, chunk, events)
        if self.finished and len(events) > before:
            self.finished, self._was_early = False, True
        if choice.get("finish_reason") is not None or not _ENDS.isdisjoint(choice):
            self._read_end(choice, chunk, events)

    def _read_end(self, choice: JsonObject, chunk: JsonObject, events: list[UpstreamEvent]) -> None:
        """Read the error, the finish reasons and the figures of a choice."""
        if choice.get("error"):
            raise from_stream(choice["error"], self.api_key)
        facts: JsonObject = {name: text_of(chunk[name]) for name in _FACTS if name in chunk}
        if "stop_reason" in choice or "matched_stop" in choice:
            # vLLM and SGLang name the string that matched; other values are numbers of tokens.
            matched = text_of(choice.get("stop_reason")) or text_of(choice.get("matched_stop"))
            facts = {**facts, "stop_sequence": matched} if matched else facts
        self._facts = facts
        self._read_reason(choice.get("finish_reason"), choice.get("native_finish_reason"), events)
        if usage := choice.get("usage"):
            self._read_usage(usage, events)

    def _read_rest(self, choice: JsonObject, chunk: JsonObject, events: list[UpstreamEvent]) -> None:
        """Append what stands beside the delta: a whole message, text of the older completions, sources."""
        message, text = choice.get("message"), choice.get("text")
        if isinstance(message, dict):
            # Some servers stream `message` in place of `delta`, others repeat the whole one in the last chunk.
            self._content.response_id = text_of(chunk.get("id")) or ""
            self._content.read_message(message, events, repeats=self._has_deltas)
        elif isinstance(text, str) and not choice.get("delta"):
            self._content.read_text(text, events)
        if "citations" in chunk or "search_results" in chunk:
            self._content.read_citations(chunk, events)

    def _read_reason(self, reason: JsonValue, native: JsonValue, events: list[UpstreamEvent]) -> None:
        """Append the end mark, or raise the failure that a reason stands for."""
        ending: Ending | None = None
        for each in (native, reason):
            if not each or not (name := _reason_name(each)):
                continue
            ending = ending_of(name)
            if ending is not None and ending.code is not None:
                raise from_finish_reason(ending.code, name)
        if ending is None:
            return
        self._reason = ending.reason
        if self._content.kinds or self._find_failure() is None:
            self.finished = not self._was_early
            events.append(self._end_mark())

    def _end_mark(self) -> Finished:
        reason = finish_reason(self._reason, called=bool(self._content.calls))
        return Finished(reason, response_facts(self._facts) if self._facts else {})

    def _close(self, events: list[UpstreamEvent]) -> None:
        """Complete the calls without arguments; the end mark counts behind them."""
        calls = self._content.calls.close() if self._content.calls is not None else []
        if calls or not self.finished:
            events += [*calls, self._end_mark()]
            self.finished = True
            # Figures before the end mark count as unfinished; with output they are those of the whole answer.
            figures = _usage(self._usage)
            if figures.output_tokens:
                events.append(figures)

    def _end(self, events: list[UpstreamEvent]) -> None:
        """Append what the end of the stream adds.

        Raises:
            Failed: nothing has come.
        """
        failure = None if self._content.kinds else self._find_failure()
        if failure is not None:
            self.finished = False
            raise failure
        self._close(events)

    def _find_failure(self) -> Failed | None:
        """Return the failure of an answer that ends here, and no content has come; None if it may have none."""
        if self._content.unknown is not None:
            return unsupported_content(self._content.unknown)
        if self._reason == "tool_calls":
            return unreadable("it announced tool calls, but sent none")
        if self._reason is not None:
            return None
        if self._has_others:
            return unreadable("it has no first choice")
        figures = _usage(self._usage)
        return None if figures.input_tokens or figures.output_tokens else truncated()

    def _read_usage(self, usage: JsonValue, events: list[UpstreamEvent]) -> None:
        """Append the figures so far. Zeros and nulls replace no figure: some servers send them at last."""
        if isinstance(usage, dict) and usage:
            self._usage = merge_figures(self._usage or {}, usage)
            figures = _usage(self._usage)
            if figures.input_tokens is not None or figures.output_tokens is not None:
                events.append(figures)


_PLAIN_FIELDS: Final = frozenset({"content", "role"})
"""Fields of a delta that is text alone."""

_FACTS: Final = ("service_tier", "system_fingerprint")
"""Fields of a chunk that say how it was served."""

_ENDS: Final = frozenset({"usage", "error", "native_finish_reason"})
"""Fields of a choice, beside its finish reason, that say how it ends."""


def _read_logprobs(logprobs: JsonObject, events: list[UpstreamEvent]) -> None:
    """Append the log probabilities of the text in the same choice, or of its refusal."""
    if part := openai_logprobs(logprobs.get("content") or logprobs.get("refusal")):
        events.append(part)


def _reason_name(reason: JsonValue) -> str:
    """Return a finish reason; some servers send an object with its type."""
    if type(reason) is dict:
        reason = reason.get("type")
    return reason if type(reason) is str else ""


def _usage(sent: JsonObject | None) -> Usage:
    """Convert usage figures, also of servers that name them as other APIs do."""
    usage = sent or {}
    cached = detail_of(usage, "prompt_tokens_details", "cached_tokens")
    written = detail_of(usage, "prompt_tokens_details", "cache_write_tokens")
    return Usage(
        # No prompt has 0 tokens: a server that says so does not know.
        _first(usage, "prompt_tokens", "input_tokens") or None,
        _first(usage, "completion_tokens", "output_tokens"),
        "exact",
        # Fields of DeepSeek, Moonshot and LiteLLM.
        _first(usage, "prompt_cache_hit_tokens", "cached_tokens", "cache_read_input_tokens")
        if cached is None
        else cached,
        detail_of(usage, "completion_tokens_details", "reasoning_tokens"),
        _first(usage, "cache_creation_input_tokens") if written is None else written,
    )


def _first(usage: JsonObject, *names: str) -> int | None:
    """Return the first count that a usage has under one of these names."""
    for name in names:
        if name in usage and (count := count_of(usage[name])) is not None:
            return count
    return None
