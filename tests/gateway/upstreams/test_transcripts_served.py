"""Every transcript through real sockets: a provider that sends it, a gateway, and a client of each transport."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager

import aiohttp
import pytest
import uvicorn
from pydantic import HttpUrl

from gateway.app.factory import create_app
from gateway.config import Settings
from gateway.config.tables import ModelTable, ProviderTable, UpstreamTable
from gateway.protocol.errors import Code
from gateway.protocol.events import Chunk, Part, Reasoning, SignedReasoning, ToolCall, Usage
from gateway.server.http_protocol import HttpProtocol
from gateway.server.websocket_protocol import WebSocketProtocol
from gateway.upstreams.base import Finished, UpstreamEvent
from tests.gateway.upstreams.raw_server import RESPONSE_HEAD, chunked
from tests.gateway.upstreams.transcripts.case import FORMATS, Api, Case, Received
from tests.gateway.upstreams.transcripts.table import CASES
from tests.served.gateway import _shut_down
from tests.served.viewers import JsonObject, SseViewer, WebSocketViewer


@asynccontextmanager
async def provider(cases: dict[str, Case]) -> AsyncIterator[tuple[str, dict[str, int]]]:
    """Run a provider that sends the file that a request's model names, event by event; count the requests."""
    requests: dict[str, int] = {}
    writers: set[asyncio.StreamWriter] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.add(writer)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
                body = json.loads(await reader.readexactly(length))
                path = head.decode().split(" ")[1]
                model = path.rpartition("/models/")[2].partition(":")[0] if "/models/" in path else body["model"]
                requests[model] = requests.get(model, 0) + 1
                case = cases[model]
                if not case.is_stream:
                    writer.write(case.bytes)
                    continue
                events = [event + b"\n\n" for event in case.bytes.split(b"\n\n") if event]
                writer.write(RESPONSE_HEAD + b"".join(map(chunked, events)) + b"0\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", requests
    finally:
        server.close()
        for writer in writers:
            writer.close()


@asynccontextmanager
async def gateway(settings: Settings) -> AsyncIterator[aiohttp.ClientSession]:
    """Run a gateway, and yield a session of a client at its address."""
    app = create_app(settings)
    config = uvicorn.Config(app, port=0, http=HttpProtocol, ws=WebSocketProtocol, log_level="error")
    server = uvicorn.Server(config)
    config.load()
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    host, port = server.servers[0].sockets[0].getsockname()[:2]
    try:
        async with aiohttp.ClientSession(f"http://{host}:{port}") as http:
            yield http
    finally:
        await app.state.hub.close()
        await _shut_down(server)


async def ask_all(
    settings: Settings,
    cases: Mapping[str, Case],
    ask: Callable[[Case, aiohttp.ClientSession], Coroutine[None, None, None]],
) -> None:
    """Run a gateway, and ask it for all cases at once."""
    async with gateway(settings) as http, asyncio.TaskGroup() as group:
        for case in cases.values():
            group.create_task(ask(case, http))


def received(events: list[JsonObject]) -> Received:
    """Sum up what a viewer saw."""
    read: list[UpstreamEvent] = []
    failure: tuple[str, bool, str] | None = None
    for event in events:
        fields = {name: value for name, value in event.items() if name not in {"type", "seq", "kind", "generation_id"}}
        match event["type"]:
            case "chunk":
                read.append(Chunk(str(event["content"])))
            case "reasoning" if "signature" in event:
                read.append(SignedReasoning(**fields))  # type: ignore[arg-type]
            case "reasoning":
                read.append(Reasoning(str(event["content"])))
            case "tool_call":
                read.append(ToolCall(**fields))  # type: ignore[arg-type]
            case "part":
                read.append(Part(str(event["kind"]), fields))  # type: ignore[arg-type]
            case "complete":
                usage = Usage(**event["usage"])  # type: ignore[arg-type]
                read.append(Finished(event["finish_reason"], event["response"]))  # type: ignore[arg-type]
                read += [usage] if usage.source == "exact" else []
            case "error":
                failure = str(event["code"]), bool(event["retryable"]), str(event["message"])
    result = Received.of(read)
    if failure is not None:
        result.code, result.retryable, result.message = Code(failure[0]), failure[1], failure[2]
    return result


@pytest.mark.parametrize("api", FORMATS)
async def test_both_transports_bring_what_the_case_says(api: Api) -> None:
    cases = {case.file: case for case in CASES if case.api == api}
    wrong: list[str] = []

    async def ask(case: Case, http: aiohttp.ClientSession) -> None:
        for viewer in (SseViewer(http), WebSocketViewer(http)):
            await viewer.start({"messages": [{"role": "user", "content": "Hello"}], "model": case.file})
            result = received(await viewer.to_end())
            await viewer.leave()
            try:
                case.check(result)
                case.check_failure(result)
            except AssertionError as error:
                wrong.append(f"{type(viewer).__name__} {case.file}: {result} {error}")

    async with provider(cases) as (url, requests):
        settings = Settings(
            upstream=url,
            upstream_api=api,
            max_attempts=1,
            max_concurrent=0,
            rate_limit_per_minute=0,
            breaker_failures=0,
        )
        await ask_all(settings, cases, ask)
    assert not wrong, "\n".join(wrong)
    assert requests == dict.fromkeys(cases, 2)


@pytest.mark.parametrize("api", FORMATS)
async def test_the_next_upstream_answers_unless_the_request_is_at_fault(api: Api) -> None:
    cases = {case.file: case for case in CASES if case.api == api and case.code is not None}
    good = next(case for case in CASES if case.file == "plain.sse" and case.api == "openai")
    wrong: list[str] = []

    async def ask(case: Case, http: aiohttp.ClientSession) -> None:
        viewer = SseViewer(http)
        await viewer.start({"messages": [{"role": "user", "content": "Hello"}], "model": case.file})
        events = await viewer.to_end()
        await viewer.leave()
        codes = [event["code"] for event in events if event["type"] == "retry"]
        ended = (events[-1]["type"], codes, viewer.text)
        # After text, content that can't be carried is no reason to let another one go on.
        final = {Code.INVALID_REQUEST, Code.CONTENT_FILTER, *([Code.UNSUPPORTED_CONTENT] if case.text else [])}
        helped = case.code not in final
        if ended != (("complete", [case.code], case.text + good.text) if helped else ("error", [], case.text)):
            wrong.append(f"{case.file}: {ended}")

    async with provider(cases) as (url, requests), provider(dict.fromkeys(cases, good)) as (good_url, _):
        upstreams = (UpstreamTable(provider="a"), UpstreamTable(provider="b"))
        settings = Settings(
            providers={
                "a": ProviderTable(base_url=HttpUrl(url), api=api),
                "b": ProviderTable(base_url=HttpUrl(good_url)),
            },
            models=dict.fromkeys(cases, ModelTable(upstreams=upstreams, failover=True)),
            max_concurrent=0,
            rate_limit_per_minute=0,
            breaker_failures=0,
        )
        await ask_all(settings, cases, ask)
    assert not wrong, "\n".join(wrong)
    assert requests == dict.fromkeys(cases, 1)
