"""Clients of the scene, in a thread of their own: they read, stop and fail as those of a busy gateway do."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import aiohttp

from tests.integration.console.scene import KEYS

PROMPT: Final = "Why do people trust an answer more when they can watch it being written?"

LOAD: Final[Sequence[tuple[str, str, str, float | None]]] = (
    ("research", "claude-opus-4", "sse", None),
    ("nightly", "gpt-4.1-mini", "websocket", None),
    ("alice", "gemini-2.5-flash-lite", "sse", None),
    ("support", "gemini-2.5-flash-lite", "sse", None),
    ("support", "gemini-2.5-flash", "sse", 2.5),
    ("alice", "gpt-4.1-mini", "sse", None),
    ("nightly", "gemini-2.5-flash-lite", "websocket", None),
    ("research", "gpt-4.1", "sse", None),
    ("support", "claude-sonnet-4", "websocket", None),
    ("alice", "gpt-4.1", "sse", None),
    ("support", "gpt-4.1", "websocket", None),
    ("research", "claude-sonnet-4", "sse", None),
    ("alice", "claude-sonnet-4", "websocket", None),
    ("support", "gpt-4.1", "sse", None),
    ("nightly", "claude-sonnet-4", "sse", None),
)
"""Key, model and transport of each answer, and when its client stops it."""


@contextmanager
def reading(url: str, load: Sequence[tuple[str, str, str, float | None]] = LOAD) -> Iterator[None]:
    """Start the answers of a load, one after another, and read them until the context ends."""
    with _loop_in_a_thread() as run:
        run(_read_all(url, load))
        yield


@contextmanager
def _loop_in_a_thread() -> Iterator[Callable[[Coroutine[Any, Any, None]], None]]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="clients", daemon=True)
    thread.start()
    tasks = list[Any]()
    try:
        yield lambda work: tasks.append(asyncio.run_coroutine_threadsafe(work, loop))
    finally:
        for task in tasks:
            task.cancel()
        loop.call_soon_threadsafe(loop.call_later, 0.2, loop.stop)
        thread.join(5)
        loop.close()


async def _read_all(url: str, load: Sequence[tuple[str, str, str, float | None]]) -> None:
    async with asyncio.TaskGroup() as group:
        for name, model, transport, stop_after in load:
            read = _read_socket if transport == "websocket" else _read_stream
            group.create_task(read(url, name, model, stop_after))
            await asyncio.sleep(0.12)


async def _read_stream(url: str, name: str, model: str, stop_after: float | None) -> None:
    async with _session(url, name) as http, http.post("/api/chat/stream", json=_body(model)) as response:
        if stop_after is not None:
            await asyncio.sleep(stop_after)
            async with http.post(f"/api/generations/{response.headers['X-Generation-ID']}/interrupt"):
                pass
        await response.read()


async def _read_socket(url: str, name: str, model: str, _stop_after: float | None) -> None:
    async with _session(url, name) as http, http.ws_connect("/api/ws", protocols=["dualstream.v1"]) as socket:
        await socket.send_json({"type": "start", **_body(model)})
        async for message in socket:
            if message.json()["type"] in {"complete", "error", "interrupted"}:
                return


def _session(url: str, name: str) -> aiohttp.ClientSession:
    headers = {"Authorization": f"Bearer {KEYS[name][0].text()}"}
    return aiohttp.ClientSession(url, headers=headers, timeout=aiohttp.ClientTimeout(total=None))


def _body(model: str) -> dict[str, object]:
    return {"model": model, "messages": [{"role": "user", "content": PROMPT}]}
