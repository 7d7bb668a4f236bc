"""OpenAI-compatible chat completions, streamed: the wire format of most servers (platform.openai.com, "Streaming")."""

from dataclasses import dataclass, field

from pydantic import JsonValue, SecretStr

from gateway.protocol.commands import JsonObject
from gateway.protocol.events import Chunk, Reasoning, ToolCall, Usage
from gateway.upstreams.base import Finished, UpstreamEvent, UpstreamRequest
from gateway.upstreams.endpoint import Endpoint
from gateway.upstreams.errors import from_stream
from gateway.upstreams.formats.base import Quirks
from gateway.upstreams.formats.json_values import SurrogateJoiner, count_of, decode, detail_of, spelled, text_of

DONE = b"[DONE]"


_CONTINUED: JsonObject = {"continue_final_message": True, "add_generation_prompt": False}
"""docs.vllm.ai, "OpenAI-Compatible Server", "Chat API", "Extra parameters"; the one excludes the other."""


class OpenAIChatFormat:
    """`POST {base_url}/chat/completions`; see `Wire`."""

    def __init__(self, quirks: Quirks | None = None) -> None:
        self._quirks = quirks or Quirks()

    def endpoint(self, call: UpstreamRequest) -> Endpoint:
        """Give where it is posted to, below the base URL."""
        # DeepSeek takes the mark below /beta alone (api-docs.deepseek.com, "Chat Prefix Completion").
        beta = ("beta",) if call.continues and self._quirks.continuation == "prefix" else ()
        return Endpoint((*beta, "chat", "completions"))

    def headers(self, api_key: str | None) -> dict[str, str]:
        """Give the headers that carry the key."""
        return {} if api_key is None else {"Authorization": f"Bearer {api_key}"}

    def body(self, call: UpstreamRequest) -> JsonObject:
        """Spell a call; its options are in this spelling already, but for the server's quirks."""
        quirks = self._quirks
        return {
            **{quirks.token_limit if name == "max_tokens" else name: value for name, value in call.options.items()},
            "model": call.model,
            "messages": self._messages(call),
            "stream": True,
            "stream_options": {"include_usage": True},
            **(_CONTINUED if call.continues and quirks.continuation == "continue_final_message" else {}),
        }

    def can_continue(self, _call: UpstreamRequest) -> bool:
        """Tell whether the server goes on from a last message of the assistant's."""
        return self._quirks.continuation != "none"

    def reader(self, api_key: SecretStr | None) -> "ChunkReader":
        """Make a reader of one answer; the key is never to be shown."""
        return ChunkReader(api_key)

    def _messages(self, call: UpstreamRequest) -> list[JsonValue]:
        messages: list[JsonObject] = [message.model_dump(exclude_unset=True) for message in call.messages]
        if not self._quirks.developer_role:
            messages = [
                {**message, "role": "system"} if message["role"] == "developer" else message for message in messages
            ]
        if call.continues and self._quirks.continuation == "prefix":
            messages[-1] = {**messages[-1], "prefix": True}
        return [*messages]


@dataclass(slots=True)
class ChunkReader:
    """Reads `chat.completion.chunk` objects; see `Reader`."""

    api_key: SecretStr | None = None
    finished: bool = False
    done: bool = False
    _half: SurrogateJoiner = field(default_factory=SurrogateJoiner)
    _tool_index: int = -1
    _tool_id: str | None = None

    @property
    def is_stateless(self) -> bool:
        """Tell whether the next event means by itself what it says."""
        return not (self.finished or self._half)

    def new(self) -> "ChunkReader":
        """Make one that has read nothing."""
        return ChunkReader()

    def read(self, data: bytes, parts: list[UpstreamEvent]) -> None:
        """Add the parts of one event."""
        if data == DONE:
            if not self.finished:
                self.finished = True
                parts.append(Finished(None))
            self.done = True
            return
        chunk = decode(data)
        error = chunk.get("error")
        if error:
            raise from_stream(error, self.api_key)
        choices = chunk.get("choices")
        if isinstance(choices, list):
            for choice in choices:
                # We ask for one answer; of a server that sends more, we take the first.
                if isinstance(choice, dict) and choice.get("index", 0) == 0:
                    self._choice(choice, parts)
        usage = chunk.get("usage")
        if isinstance(usage, dict):
            parts.append(_usage(usage))

    def _choice(self, choice: JsonObject, parts: list[UpstreamEvent]) -> None:
        delta = choice.get("delta") or choice.get("message")
        if isinstance(delta, dict) and not self.finished:
            self._delta(delta, parts)
        reason = choice.get("finish_reason")
        if isinstance(reason, str) and not self.finished:
            self.finished = True
            parts.append(Finished(reason))

    def _delta(self, delta: JsonObject, parts: list[UpstreamEvent]) -> None:
        reasoning = _content(delta.get("reasoning_content") or delta.get("reasoning"))
        if reasoning and (whole := self._half.whole("reasoning", reasoning)):
            parts.append(Reasoning(whole))
        content = _content(delta.get("content") or delta.get("refusal"))
        if content and (whole := self._half.whole("content", content)):
            parts.append(Chunk(whole))
        calls = delta.get("tool_calls")
        if isinstance(calls, list):
            deltas = [self._tool_call(call) for call in calls if isinstance(call, dict)]
            # One that says nothing is a sign of life at best, and no content.
            parts.extend(delta for delta in deltas if delta.id or delta.name or delta.arguments)

    def _tool_call(self, call: JsonObject) -> ToolCall:
        function = call.get("function")
        function = function if isinstance(function, dict) else {}
        identity, name = text_of(call.get("id")), text_of(function.get("name"))
        index = count_of(call.get("index"))
        if index is None:
            # Some servers number none of their calls: then an id that is new begins the next one.
            known = identity is None or identity == self._tool_id
            index = max(0, self._tool_index) if known else self._tool_index + 1
        self._tool_index, self._tool_id = index, identity or self._tool_id
        arguments = function.get("arguments")
        text = arguments if isinstance(arguments, str) else "" if arguments is None else spelled(arguments)
        return ToolCall(index, identity, name, self._half.whole(f"tool {index}", text))


def _content(value: JsonValue) -> str | None:
    """Give text, also where it comes as a list of parts."""
    if isinstance(value, list):
        return "".join(part["text"] for part in value if isinstance(part, dict) and isinstance(part.get("text"), str))  # type: ignore[misc]
    return value if isinstance(value, str) else None


def _usage(usage: JsonObject) -> Usage:
    cached = detail_of(usage, "prompt_tokens_details", "cached_tokens")
    return Usage(
        count_of(usage.get("prompt_tokens")),
        count_of(usage.get("completion_tokens")),
        "exact",
        # DeepSeek tells it in a field of its own.
        count_of(usage.get("prompt_cache_hit_tokens")) if cached is None else cached,
        detail_of(usage, "completion_tokens_details", "reasoning_tokens"),
    )
