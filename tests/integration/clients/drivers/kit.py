"""What every Python driver needs: the server, named scenarios, and what the provider has seen of them.

A scenario prints its verdict as a line of JSON. The prompt selects what the provider says, as in `KIT:tool`.
"""

import asyncio
import json
import os
import socket
import struct
import sys
import threading
import time
import traceback
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final
from urllib.parse import urlsplit

BASE_URL: Final = os.environ["BASE_URL"]
"""The gateway, without `/v1`."""
KEY: Final = os.environ["KEY"]
MODEL: Final = os.environ["MODEL"]
OTHER_KEY: Final = os.environ["OTHER_KEY"]
"""Key of another principal."""
LIMITED_KEY: Final = os.environ["LIMITED_KEY"]
"""Key of a principal that may start one generation per minute."""
FAILOVER_MODEL: Final = os.environ["FAILOVER_MODEL"]
"""A model whose first upstream breaks in the middle of each answer."""
QUEUED_MODEL: Final = os.environ["QUEUED_MODEL"]
"""A model that answers one request at a time."""
JOURNAL: Final = os.environ["JOURNAL"]
"""URL of the list of requests that the provider has received."""

TEXT: Final = "The quick brown fox jumps over the lazy dog."
TOOL_TEXT: Final = "It is 21 degrees in Paris."
CITY: Final = {"city": "Paris"}
CITY_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
PIXEL: Final = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
"""An image of one pixel, in base64."""
PIXEL_URL: Final = f"data:image/png;base64,{PIXEL}"

INPUT_TOKENS: Final = 21
"""Tokens of every prompt, cached ones included."""
CACHED_TOKENS: Final = 8
OUTPUT_TOKENS: Final = 9

SCENARIO_SECONDS: Final = 20.0
START_SECONDS: Final = 10.0
STOP_SECONDS: Final = 5.0
DELIVERY_SECONDS: Final = 0.1
"""Time in which a client reads what it was sent: a reset discards what it has not read yet."""
_ADDRESS: Final = urlsplit(BASE_URL)
READING_SECONDS: Final = 0.3
"""Time in which a client reads, before the answer is interrupted."""

_only: Final = frozenset(filter(None, os.environ.get("ONLY", "").split(",")))
_results: list[bool] = []

Scenario = Callable[[], "str | Awaitable[str | None] | None"]


def prompt(word: str) -> str:
    """Return a prompt that lets the provider play this part of its script."""
    return f"Say it. KIT:{word}"


def say(word: str) -> list[dict[str, Any]]:
    """Return the messages of such a prompt."""
    return [{"role": "user", "content": prompt(word)}]


def scenario(name: str) -> Callable[[Scenario], None]:
    """Run the decorated function at once, and print its verdict; what it returns is a note."""

    def run(function: Scenario) -> None:
        if _only and name not in _only:
            return
        began, requests = time.monotonic(), len(journal())
        try:
            note, passed = _result(function()) or "", True
        except Exception as error:  # noqa: BLE001 - a driver reports everything
            where = traceback.extract_tb(error.__traceback__)[-1]
            note, passed = f"{type(error).__name__}: {str(error)[:600]} ({where.name}:{where.lineno})", False
        _results.append(passed)
        verdict = {
            "scenario": name,
            "passed": passed,
            "requests": len(journal()) - requests,
            "milliseconds": round((time.monotonic() - began) * 1000),
            "note": note,
        }
        print(json.dumps(verdict), flush=True)

    return run


def _result(returned: "str | Awaitable[str | None] | None") -> str | None:
    if returned is None or isinstance(returned, str):
        return returned
    return asyncio.run(asyncio.wait_for(_awaited(returned), SCENARIO_SECONDS))


async def _awaited(returned: Awaitable[str | None]) -> str | None:
    return await returned


def finish() -> None:
    """End the driver. Some clients leave threads behind that would keep it alive."""
    sys.stdout.flush()
    os._exit(0 if _results and all(_results) else 1)


def raised(function: Callable[[], object]) -> Any:
    """Return the error that a function raises."""
    try:
        function()
    except Exception as error:  # noqa: BLE001 - whatever the client raises
        return error
    message = "nothing was raised"
    raise AssertionError(message)


async def raised_later(awaitable: Awaitable[object]) -> Any:
    """Return the error that an awaitable raises."""
    try:
        await awaitable
    except Exception as error:  # noqa: BLE001 - whatever the client raises
        return error
    message = "nothing was raised"
    raise AssertionError(message)


def shown(error: object) -> str:
    """Return an error as a short note."""
    return repr(error)[:160]


def journal() -> list[dict[str, Any]]:
    """Return the requests that the provider has received, newest last."""
    with urllib.request.urlopen(JOURNAL, timeout=STOP_SECONDS) as response:
        entries: list[dict[str, Any]] = json.load(response)
    return entries


def hung_up() -> str:
    """Wait until the gateway has closed the newest stream of the provider before its end."""
    deadline = time.monotonic() + STOP_SECONDS
    while time.monotonic() < deadline:
        if journal()[-1].get("early"):
            return "the provider's socket was closed"
        time.sleep(0.05)
    message = f"{STOP_SECONDS:g} s after the client left, the provider still streams"
    raise AssertionError(message)


@contextmanager
def interrupting() -> Iterator[None]:
    """Interrupt the generation that starts next, as another client would, while its client reads."""
    with _during(interrupt):
        yield


@contextmanager
def correcting() -> Iterator[None]:
    """Send feedback to the generation that starts next: the provider begins again, with `TEXT`."""
    with _during(correct):
        yield


@contextmanager
def queueing() -> Iterator[Callable[[], None]]:
    """Occupy the only place of `QUEUED_MODEL`; yield a function that makes room."""
    generation = gateway("POST", "/api/generations", {"messages": say("slow"), "model": QUEUED_MODEL})["id"]
    has_room = False

    def make_room() -> None:
        nonlocal has_room
        if not has_room:
            interrupt(generation)
        has_room = True

    try:
        yield make_room
    finally:
        make_room()


def interrupt(generation: str) -> None:
    """Interrupt a generation."""
    gateway("POST", f"/api/generations/{generation}/interrupt")


def correct(generation: str) -> None:
    """Send feedback to a generation that makes the provider begin again, with `TEXT`."""
    gateway("POST", f"/api/generations/{generation}/feedback", {"text": prompt("text")})


def ticket(body: dict[str, Any], key: str = KEY) -> str:
    """Return a ticket."""
    return str(gateway("POST", "/api/tickets", body, key)["ticket"])


def use_up_limit() -> None:
    """Start a generation as the limited principal, which then may start no other."""
    with suppress(urllib.error.HTTPError):
        gateway("POST", "/api/generations", {"messages": say("text"), "model": MODEL}, LIMITED_KEY)


@contextmanager
def _during(act: Callable[[str], None]) -> Iterator[None]:
    failures: list[Exception] = []

    def act_later() -> None:
        try:
            generation = _running_generation()
            time.sleep(READING_SECONDS)
            act(generation)
        except Exception as error:  # noqa: BLE001 - raised in the other thread
            failures.append(error)

    thread = threading.Thread(target=act_later)
    thread.start()
    yield
    thread.join()
    if failures:
        raise failures[0]


def _running_generation() -> str:
    """Wait until the gateway lists a generation that has text; return its id."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        running = gateway("GET", "/api/generations")["generations"]
        if running and running[0]["state"] == "streaming":
            return str(running[0]["id"])
        time.sleep(0.05)
    message = "no generation started"
    raise AssertionError(message)


def gateway(method: str, path: str, body: dict[str, Any] | None = None, key: str = KEY) -> dict[str, Any]:
    """Send a request to the gateway's own API; return the JSON document of its response."""
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{BASE_URL}{path}", data, headers, method=method)
    with urllib.request.urlopen(request, timeout=STOP_SECONDS) as response:
        answer: dict[str, Any] = json.load(response)
    return answer


class Cutter:
    """A proxy of the gateway that resets the first connection on which `mark` comes back, in the middle of its event.

    What came before is delivered.
    """

    def __init__(self, mark: str) -> None:
        self._mark = mark.encode()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.connections = 0
        self.cuts = 0

    def __enter__(self) -> "Cutter":
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):  # closed at the end
            while True:
                client, _ = self._listener.accept()
                self.connections += 1
                server = socket.create_connection((_ADDRESS.hostname or "", _ADDRESS.port or 80))
                for source, target, is_answer in ((client, server, False), (server, client, True)):
                    threading.Thread(target=self._copy, args=(source, target, is_answer), daemon=True).start()

    def _copy(self, source: socket.socket, target: socket.socket, is_answer: bool) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if is_answer and self.cuts == 0 and self._mark in data:
                    self.cuts += 1
                    target.sendall(data.partition(self._mark)[0])
                    time.sleep(DELIVERY_SECONDS)
                    # Closing without lingering resets the connection.
                    target.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    break
                target.sendall(data)
            for side in (source, target):
                with suppress(OSError):
                    side.shutdown(socket.SHUT_RD)
                side.close()
