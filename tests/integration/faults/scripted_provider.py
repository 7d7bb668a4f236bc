"""A provider that sends exact bytes: what the simulator would never send. It runs in the process of the suite.

The model that a request names chooses the answers: of a case's script each call gets the next, and the last one when
there are no more.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, Self
from urllib.parse import urlsplit

from gateway.net.tcp import reset

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\nTransfer-Encoding: chunked\r\n\r\n"
WRITE_SIZE = 64 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """One response: a whole body of chunked coding, and what happens to the connection then.

    `after` are seconds before the first byte. Without a body there is no response at all.
    """

    body: bytes | None
    content_type: bytes = b"text/event-stream"
    end: Literal["keep", "close", "reset"] = "keep"
    after: float = 0.0


class ScriptedProvider:
    """Serves the scripts by the names of models; `address` is its base URL while it is entered.

    Calls for other models are forwarded to the provider at the URL `otherwise`.
    """

    def __init__(self, scripts: Mapping[str, Sequence[Answer]], otherwise: str = "") -> None:
        self.address = ""
        self._scripts = scripts
        self._otherwise = urlsplit(otherwise)
        self._calls = Counter[str]()
        self._server: asyncio.Server | None = None
        self._serving: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.address = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)
        forwarder = _Forwarder(reader, writer)
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while True:
                head, body = await _read_request(reader)
                model = str(json.loads(body)["model"])
                if model.partition("?")[0] not in self._scripts:
                    await forwarder.forward(head + body, self._otherwise.hostname, self._otherwise.port)
                elif not await self._answer(model, writer):
                    break
        forwarder.close()
        writer.close()

    async def _answer(self, model: str, writer: asyncio.StreamWriter) -> bool:
        """Answer one call; return False if the connection is to be closed."""
        script = self._scripts[model.partition("?")[0]]
        answer = script[min(self._calls[model], len(script) - 1)]
        self._calls[model] += 1
        await asyncio.sleep(answer.after)
        if answer.body is not None:
            writer.write(HEAD % answer.content_type)
            for start in range(0, len(answer.body), WRITE_SIZE):
                part = answer.body[start : start + WRITE_SIZE]
                writer.write(b"%x\r\n%b\r\n" % (len(part), part))
                await writer.drain()
            if answer.end == "keep":
                writer.write(b"0\r\n\r\n")
        await writer.drain()
        if answer.end == "reset":
            reset(writer.transport)
        return answer.end == "keep"


class _Forwarder:
    """Forwards the requests of one connection to another server, over one connection while that lasts."""

    def __init__(self, requests: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        self._requests = requests
        self._client = client
        self._server: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def forward(self, request: bytes, host: str | None, port: int | None) -> None:
        """Forward a request and its response; what breaks on one side is reset on the other."""
        forwarding = asyncio.create_task(self._forward(request, host, port))
        # No client sends a second request before the response: what can be read meanwhile is the end.
        leaving = asyncio.create_task(self._requests.read(1))
        try:
            await asyncio.wait({forwarding, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if not forwarding.done():
                raise ConnectionResetError
            await forwarding
        finally:
            for task in (forwarding, leaving):
                task.cancel()
            await asyncio.gather(forwarding, leaving, return_exceptions=True)

    async def _forward(self, request: bytes, host: str | None, port: int | None) -> None:
        reader, writer = self._server = self._server or await asyncio.open_connection(host, port, limit=1 << 24)
        try:
            writer.write(request)
            head = await self._pass_on(await reader.readuntil(b"\r\n\r\n"))
            fields = _fields(head)
            if b"chunked" not in fields.get(b"transfer-encoding", b""):
                await self._pass_on(await reader.readexactly(int(fields.get(b"content-length", b"0"))))
                return
            while size := int((await self._pass_on(await reader.readline())).strip() or b"0", 16):
                await self._pass_on(await reader.readexactly(size + 2))
            await self._pass_on(await reader.readline())
        except (OSError, ValueError, asyncio.IncompleteReadError):
            reset(self._client.transport)
            raise ConnectionResetError from None

    def close(self) -> None:
        """Close the connection to the server, which may be in the middle of a response."""
        if self._server is not None:
            reset(self._server[1].transport)

    async def _pass_on(self, data: bytes) -> bytes:
        self._client.write(data)
        await self._client.drain()
        return data


async def _read_request(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """Read one request; return its head and its body."""
    head = await reader.readuntil(b"\r\n\r\n")
    return head, await reader.readexactly(int(_fields(head)[b"content-length"]))


def _fields(head: bytes) -> dict[bytes, bytes]:
    """Return the header fields, in lower case."""
    lines = head.lower().split(b"\r\n")[1:]
    return {name: value.strip() for name, _, value in (line.partition(b":") for line in lines)}


def data(value: object) -> bytes:
    """Return one event without a name."""
    return b"data: %b\n\n" % json.dumps(value).encode()


def chunk(delta: Mapping[str, object] | None = None, **choice: object) -> bytes:
    """Return a chunk of a chat completion."""
    return data(
        {"id": "c", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta or {}, **choice}]}
    )


def text(content: str, **choice: object) -> bytes:
    """Return a chunk with text."""
    return chunk({"content": content}, **choice)


STOP = chunk(finish_reason="stop")
DONE = b"data: [DONE]\n\n"
USAGE = data({"id": "c", "choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}})
