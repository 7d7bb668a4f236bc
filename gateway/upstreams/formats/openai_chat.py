"""OpenAI chat completions, streamed: the wire format of most servers (platform.openai.com, "Streaming")."""

from dataclasses import dataclass, field, replace

from pydantic import JsonValue, SecretStr

from gateway.protocol.commands import JsonObject
from gateway.protocol.events import Chunk, Reasoning, ToolCall, Usage
from gateway.upstreams.base import Finished, UpstreamEvent, UpstreamRequest
from gateway.upstreams.endpoint import Endpoint
from gateway.upstreams.errors import from_stream, truncated
from gateway.upstreams.formats.base import Quirks
from gateway.upstreams.formats.json_values import SurrogateJoiner, count_of, decode, detail_of, text_of, to_json
from gateway.upstreams.formats.openai_chat_request import build_request

DONE = b"[DONE]"
"""Data of the last event of a stream."""


class OpenAIChatFormat:
    """`POST {base_url}/chat/completions`; see `WireFormat`."""

    def __init__(self, quirks: Quirks | None = None) -> None:
        self._quirks = quirks or Quirks()

    def endpoint(self, request: UpstreamRequest) -> Endpoint:
        """See `WireFormat.endpoint`."""
        # DeepSeek accepts `prefix` below /beta only (api-docs.deepseek.com, "Chat Prefix Completion").
        beta = ("beta",) if request.continues and self._quirks.continuation == "prefix" else ()
        return Endpoint((*beta, "chat", "completions"))

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
    """Reads `chat.completion.chunk` objects; see `EventReader`."""

    api_key: SecretStr | None = None
    finished: bool = False
    done: bool = False
    _surrogates: SurrogateJoiner = field(default_factory=SurrogateJoiner)
    _tool_index: int = -1
    _tool_id: str | None = None

    @property
    def is_stateless(self) -> bool:
        """See `EventReader.is_stateless`."""
        return not (self.finished or self._surrogates)

    def new(self) -> "ChunkReader":
        """See `EventReader.new`."""
        return ChunkReader()

    def read(self, data: bytes, events: list[UpstreamEvent]) -> None:
        """See `EventReader.read`."""
        if data == DONE:
            if not self.finished:
                # A server without `finish_reason`: `[DONE]` is its only end mark.
                self.finished = True
                events.append(Finished(None))
            self.done = True
            return
        chunk = decode(data)
        error = chunk.get("error")
        if error:
            raise from_stream(error, self.api_key)
        choices = chunk.get("choices")
        if isinstance(choices, list):
            for choice in choices:
                # We ask for one answer; if a server sends several, the first one counts.
                if isinstance(choice, dict) and choice.get("index", 0) == 0:
                    self._read_choice(choice, events)
        usage = chunk.get("usage")
        if isinstance(usage, dict):
            events.append(_usage(usage))

    def end(self) -> list[UpstreamEvent]:
        """See `EventReader.end`."""
        if not self.finished:
            raise truncated()
        return []

    def _read_choice(self, choice: JsonObject, events: list[UpstreamEvent]) -> None:
        # Some servers stream `message`, as in a response that is not streamed.
        delta = choice.get("delta") or choice.get("message")
        if isinstance(delta, dict) and not self.finished:
            self._read_delta(delta, events)
        reason = choice.get("finish_reason")
        if isinstance(reason, str) and not self.finished:
            self.finished = True
            events.append(Finished(reason))

    def _read_delta(self, delta: JsonObject, events: list[UpstreamEvent]) -> None:
        # OpenAI's own chat API shows no reasoning: servers that do have either of these two fields.
        reasoning = _content(delta.get("reasoning_content") or delta.get("reasoning"))
        if reasoning and (text := self._surrogates.join("reasoning", reasoning)):
            events.append(Reasoning(text))
        content = _content(delta.get("content") or delta.get("refusal"))
        if content and (text := self._surrogates.join("content", content)):
            events.append(Chunk(text))
        calls = delta.get("tool_calls")
        if isinstance(calls, list):
            deltas = [self._tool_call(call) for call in calls if isinstance(call, dict)]
            # An empty delta is a heartbeat at best: it must not count as content.
            events.extend(delta for delta in deltas if delta.id or delta.name or delta.arguments)

    def _tool_call(self, call: JsonObject) -> ToolCall:
        function = call.get("function")
        function = function if isinstance(function, dict) else {}
        call_id, name = text_of(call.get("id")), text_of(function.get("name"))
        index = count_of(call.get("index"))
        if index is None:
            # Some servers do not number their calls: then a new id begins the next call.
            known = call_id is None or call_id == self._tool_id
            index = max(0, self._tool_index) if known else self._tool_index + 1
        self._tool_index, self._tool_id = index, call_id or self._tool_id
        arguments = function.get("arguments")
        # Some servers send the arguments as an object, in place of its JSON text.
        text = arguments if isinstance(arguments, str) else "" if arguments is None else to_json(arguments)
        return ToolCall(index, call_id, name, self._surrogates.join(f"tool {index}", text))


def _content(value: JsonValue) -> str | None:
    """Return text, which some servers send as a list of parts, or None."""
    if isinstance(value, list):
        return "".join(part["text"] for part in value if isinstance(part, dict) and isinstance(part.get("text"), str))  # type: ignore[misc]
    return value if isinstance(value, str) else None


def _usage(usage: JsonObject) -> Usage:
    cached = detail_of(usage, "prompt_tokens_details", "cached_tokens")
    return Usage(
        count_of(usage.get("prompt_tokens")),
        count_of(usage.get("completion_tokens")),
        "exact",
        # DeepSeek has a field of its own.
        count_of(usage.get("prompt_cache_hit_tokens")) if cached is None else cached,
        detail_of(usage, "completion_tokens_details", "reasoning_tokens"),
    )
