"""OpenAI-compatible chat completions, streamed: the wire format of most servers (platform.openai.com, "Streaming")."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
import orjson
from anyio import CancelScope, move_on_after
from pydantic import JsonValue, SecretStr

from gateway.commands import JsonObject
from gateway.errors import Code, Failed
from gateway.events import Chunk, Reasoning, ToolCall, Usage
from gateway.upstreams.base import Call, Finish, Part
from gateway.upstreams.eventstream import EventStreamDecoder, LineTooLongError
from gateway.upstreams.failures import broken, from_stream, from_transport, of_answer

DONE = b"[DONE]"

DRAIN_SECONDS = 0.1
"""After the end mark, how long to wait for the end of the body."""


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Bounds of the connections to one provider. Times in seconds; 0 connections means no limit."""

    connections: int = 0
    connect_timeout: float = 10.0
    keep_alive: float = 30.0


@dataclass(slots=True)
class _Trace:
    """Whether the call went out on a connection that had served before."""

    reused: bool = False


class OpenAIUpstream:
    """Any server that speaks `POST {base_url}/chat/completions`."""

    def __init__(
        self, name: str, base_url: str, api_key: SecretStr | None = None, limits: ConnectionLimits | None = None
    ) -> None:
        self.name = name
        self.base_url = base_url
        self._api_key = api_key
        self._limits = limits or ConnectionLimits()
        self._session: aiohttp.ClientSession | None = None

    @asynccontextmanager
    async def open(self, call: Call) -> AsyncIterator["OpenAIAnswer"]:
        """Call it and wait for the headers; see `Upstream.open`."""
        response = await self._post(orjson.dumps(_body(call)))
        try:
            if response.status != 200 or response.content_type != "text/event-stream":
                raise await of_answer(response, self._api_key)
            answer = OpenAIAnswer(call.model, response, self._api_key)
            yield answer
            if answer.ended:
                await _drain(response)
        finally:
            await _hang_up(response)

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()

    async def _post(self, body: bytes) -> aiohttp.ClientResponse:
        session = self._session or self._connect()
        while True:
            trace = _Trace()
            try:
                return await session.post(
                    f"{self.base_url.rstrip('/')}/chat/completions",
                    data=body,
                    headers=self._headers(),
                    allow_redirects=False,
                    trace_request_ctx=trace,
                )
            except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
                # A kept connection that the server had closed meanwhile: nothing of this call was read there. Each
                # such failure takes one stale connection out of the pool, so this ends with a fresh one.
                if not trace.reused:
                    raise from_transport(error, opened=False) from error
            except (aiohttp.ClientError, TimeoutError, ValueError) as error:
                raise from_transport(error, opened=False) from error

    def _connect(self) -> aiohttp.ClientSession:
        limits = self._limits
        tracing = aiohttp.TraceConfig()
        tracing.on_connection_reuseconn.append(_mark_reused)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=limits.connections, limit_per_host=0, keepalive_timeout=limits.keep_alive
            ),
            # Only connecting is bounded here: how long an answer may take is the pipeline's business.
            timeout=aiohttp.ClientTimeout(
                total=None, connect=None, sock_connect=limits.connect_timeout, sock_read=None
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            trace_configs=[tracing],
        )
        return self._session

    def _headers(self) -> dict[str, str]:
        headers = {
            "Content-Type": "application/json",
            "Accept": "text/event-stream",
            # A compressed stream comes in lumps.
            "Accept-Encoding": "identity",
            "User-Agent": "dualstream",
        }
        if self._api_key is not None:
            headers["Authorization"] = f"Bearer {self._api_key.get_secret_value()}"
        return headers


class OpenAIAnswer:
    """One streamed answer."""

    def __init__(self, model: str, response: aiohttp.ClientResponse, api_key: SecretStr | None) -> None:
        self.model = model
        self._response = response
        self._reader = _ChunkReader(api_key)

    @property
    def ended(self) -> bool:
        """Tell whether the last of it was read."""
        return self._reader.done

    async def __aiter__(self) -> AsyncIterator[Sequence[Part]]:
        reader = self._reader
        decoder = EventStreamDecoder()
        try:
            async for read in self._response.content.iter_any():
                parts: list[Part] = []
                try:
                    for event in decoder.feed(read):
                        reader.read(event.data, parts)
                except (Failed, LineTooLongError) as error:
                    # What came whole before the fault still counts.
                    yield parts
                    raise (broken(str(error)) if isinstance(error, LineTooLongError) else error) from error
                if parts:
                    yield parts
                if reader.done:
                    return
        except (aiohttp.ClientError, TimeoutError) as error:
            if not reader.finished:
                raise from_transport(error, opened=True) from error
        if not reader.finished:
            raise Failed(Code.TRUNCATED, "The provider's answer broke off without its end mark.")


@dataclass(slots=True)
class _ChunkReader:
    """Read `chat.completion.chunk` objects; keeps what reaches over from one to the next."""

    api_key: SecretStr | None
    finished: bool = False
    done: bool = False
    _half: dict[str, str] = field(default_factory=dict)

    def read(self, data: bytes, parts: list[Part]) -> None:
        """Add the parts of one event.

        Raises:
            Failed: `upstream_protocol`, or the provider's own error.
        """
        if data == DONE:
            if not self.finished:
                self.finished = True
                parts.append(Finish(None))
            self.done = True
            return
        chunk = _decode(data)
        error = chunk.get("error")
        if error:
            raise from_stream(error, self.api_key)
        choices = chunk.get("choices")
        if isinstance(choices, list) and choices:
            self._choice(choices[0], parts)
        usage = chunk.get("usage")
        if isinstance(usage, dict):
            parts.append(_usage(usage))

    def _choice(self, choice: JsonValue, parts: list[Part]) -> None:
        if not isinstance(choice, dict) or choice.get("index", 0) != 0:
            return
        delta = choice.get("delta")
        if isinstance(delta, dict):
            self._delta(delta, parts)
        reason = choice.get("finish_reason")
        if isinstance(reason, str) and not self.finished:
            self.finished = True
            parts.append(Finish(reason))

    def _delta(self, delta: JsonObject, parts: list[Part]) -> None:
        reasoning = delta.get("reasoning_content") or delta.get("reasoning")
        if isinstance(reasoning, str) and (whole := self._whole("reasoning", reasoning)):
            parts.append(Reasoning(whole))
        content = delta.get("content") or delta.get("refusal")
        if isinstance(content, str) and (whole := self._whole("content", content)):
            parts.append(Chunk(whole))
        calls = delta.get("tool_calls")
        if isinstance(calls, list):
            parts.extend(self._tool_call(call, place) for place, call in enumerate(calls) if isinstance(call, dict))

    def _tool_call(self, call: JsonObject, place: int) -> ToolCall:
        function = call.get("function")
        function = function if isinstance(function, dict) else {}
        index = call.get("index", place)
        index = index if isinstance(index, int) else place
        return ToolCall(
            index=index,
            id=_text(call.get("id")),
            name=_text(function.get("name")),
            arguments=self._whole(f"tool {index}", _text(function.get("arguments")) or ""),
        )

    def _whole(self, stream: str, text: str) -> str:
        """Put a character together that came in halves: some servers cut JSON text between UTF-16 surrogates."""
        if text.isascii() and not self._half:
            return text
        text = self._half.pop(stream, "") + text
        if text and "\ud800" <= text[-1] <= "\udbff":
            self._half[stream] = text[-1]
            text = text[:-1]
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _decode(data: bytes) -> JsonObject:
    try:
        chunk = orjson.loads(data)
    except orjson.JSONDecodeError:
        # orjson refuses a lone surrogate, which the standard library and some providers' servers allow.
        try:
            chunk = json.loads(data)
        except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
            raise broken("a line of it is not JSON") from error
    if not isinstance(chunk, dict):
        raise broken("a line of it is not a JSON object")
    return chunk


def _usage(usage: JsonObject) -> Usage:
    return Usage(_count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens")), "exact")


def _count(value: JsonValue) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _text(value: JsonValue) -> str | None:
    return value if isinstance(value, str) else None


def _body(call: Call) -> JsonObject:
    return {
        **call.options,
        "model": call.model,
        "messages": [message.model_dump(exclude_unset=True) for message in call.messages],
        "stream": True,
        "stream_options": {"include_usage": True},
    }


async def _drain(response: aiohttp.ClientResponse) -> None:
    """Read the end of the body, that the connection may serve again; not worth waiting long for."""
    with move_on_after(DRAIN_SECONDS):
        while not response.content.at_eof():
            await response.content.readany()


async def _hang_up(response: aiohttp.ClientResponse) -> None:
    """Close the connection unless it went back to the pool, and return when its socket is closed.

    It is aborted: closing would first send what is left of the request.
    """
    connection = response.connection
    protocol = connection.protocol if connection is not None else None
    if protocol is not None:
        closed = protocol.closed
        protocol.abort()
        response.close()
        if closed is not None:
            with CancelScope(shield=True):
                await asyncio.wait([closed])
            # A reset by the peer is as closed as any.
            closed.exception()


async def _mark_reused(
    _session: aiohttp.ClientSession, context: object, _params: aiohttp.TraceConnectionReuseconnParams
) -> None:
    trace = getattr(context, "trace_request_ctx", None)
    if isinstance(trace, _Trace):
        trace.reused = True
