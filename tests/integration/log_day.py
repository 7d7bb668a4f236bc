"""A day in the life of a gateway, as its log tells it: `python -m tests.integration.log_day` writes the documentation.

A real gateway with two providers. Both are servers of this process, and do what the day needs: answer, refuse the key,
be gone.
"""

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import aiohttp
from aiohttp import web

from gateway.telemetry.logs.format import as_text
from gateway.telemetry.logs.generation import unusual
from tests.integration.processes import CHECKOUT, Server, serving

PAGE: Final = CHECKOUT / "docs/operations/logs.md"
BEGIN: Final = "<!-- The day: written by `python -m tests.integration.log_day` -->\n"
END: Final = "<!-- The end of the day -->\n"
WAIT_SECONDS: Final = 10.0
EXIT_SECONDS: Final = 20.0

CONFIGURATION: Final = """\
log_format = "json"
drain_timeout = 10
breaker_failures = 3
breaker_rest = 0.5
retry_base = 0
budget_per_day = 0.5

[providers.north]
preset = "openai"
base_url = "{north}"
key_variable = ""

[providers.south]
preset = "openai"
base_url = "{south}"
key_variable = ""

[models.chat]
failover = true
upstreams = [
    {{ provider = "north", upstream_model = "chat-1", price = {{ input = 1, output = 1 }} }},
    {{ provider = "south", upstream_model = "chat-2", price = {{ input = 1, output = 1 }} }},
]

[models.large]
upstreams = [{{ provider = "south", upstream_model = "large-1", price = {{ input = 1, output = 10000 }} }}]

[aliases]
"""

HEAD: Final = ("time", "level", "logger", "pid", "event", "message")
"""What every line has."""

EXPLANATIONS: Final[Mapping[str, str]] = {
    "configured": "the gateway says which file it has read",
    "started": "it listens; these are its models, its providers, its store, and what clients need",
    "generation_ended": "an answer has ended: one line for each, with all its facts",
    "reloaded": "SIGHUP: the file was read again, and one alias is new",
    "provider_refuses_key": "`north` answers 401: our key there is wrong. Once a minute, however many calls fail",
    "failover": "`south` answers in its place; the client notices nothing. Once a minute for each reason",
    "provider_unreachable": "`north` is gone: the connection is refused",
    "circuit_opened": "after three failures in a row, `north` is not called for a while",
    "circuit_closed": "a probe has succeeded: `north` is called again",
    "origin_refused": "a page of another site has tried to use the gateway; the field `setting` names what allows it",
    "starts_refused": "starts were refused, here because the budget is spent: one line for each code and minute",
    "budget_spent": "a client has spent its budget of the day",
    "drain_begins": "SIGTERM: new starts are refused, and one answer still runs",
    "drain_ends": "it has come to its end; the process ends",
}


ENDS: Final[Mapping[str, str]] = {
    "interrupted": "a client has interrupted its answer; `cancel_ms` later the connection to the provider was closed",
    "error": "an answer has ended with an error; `code` says which, and `reason` why",
}
"""Explanations of ends that are no complete answers."""


@dataclass
class Provider:
    """A provider that can refuse, be slow, and be gone."""

    status: int = 200
    port: int = 0
    hold: asyncio.Event = field(default_factory=asyncio.Event)
    _runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    async def come(self) -> None:
        """Listen, where it has listened before."""
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self._answer)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True).start()
        self.port = self._runner.addresses[0][1]

    async def go(self) -> None:
        """Listen no more."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if self.status != 200:
            return web.json_response({"error": {"message": "Incorrect API key provided: sk-hush"}}, status=self.status)
        prompt = json.dumps(await request.json())
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(_chunk("Once upon a time"))
        if "wait" in prompt:
            await self.hold.wait()
        text = " there was a gateway." * (400 if "much" in prompt else 1)
        # The gateway has left if it was interrupted, or its budget is spent.
        with suppress(ConnectionResetError):
            await response.write(_chunk(text) + _chunk("", finish_reason="stop") + b"data: [DONE]\n\n")
        return response


def _chunk(content: str, finish_reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": {"content": content}, "finish_reason": finish_reason}
    return b"data: " + json.dumps({"id": "c", "choices": [choice]}).encode() + b"\n\n"


@dataclass
class Day:
    """A running gateway, its providers and its clients."""

    server: Server
    file: Path
    north: Provider
    south: Provider
    http: aiohttp.ClientSession

    async def ask(self, prompt: str = "Tell me a story.", model: str = "chat", **headers: str) -> str:
        """Ask, and read the answer to its end; return what came."""
        body = {"messages": [{"role": "user", "content": prompt}], "model": model}
        async with self.http.post(f"{self.server.url}/api/chat/stream", json=body, headers=headers) as response:
            return await response.text()

    async def interrupted(self) -> None:
        """Ask, and interrupt the answer."""
        async with self.streaming() as (generation_id, response):
            url = f"{self.server.url}/api/generations/{generation_id}/interrupt"
            async with self.http.post(url, json={}) as interrupt:
                assert interrupt.status == 202
            await response.read()

    @asynccontextmanager
    async def streaming(self) -> AsyncIterator[tuple[str, aiohttp.ClientResponse]]:
        """Ask, and wait for the first text of an answer that waits then."""
        body = {"messages": [{"role": "user", "content": "wait"}], "model": "chat"}
        async with self.http.post(f"{self.server.url}/api/chat/stream", json=body) as response:
            async for line in response.content:
                if b"Once upon" in line:
                    break
            yield response.headers["X-Generation-ID"], response

    async def logged(self, event: str) -> None:
        """Wait until an event is in the log."""
        await asyncio.to_thread(self.server.wait_for, f'"event":"{event}"', WAIT_SECONDS)

    def reload(self) -> None:
        """Add an alias to the configuration, and load it again."""
        with self.file.open("a") as file:
            file.write('story = "chat"\n')
        self.signal(signal.SIGHUP)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the gateway."""
        os.kill(self.server.pid, number)


async def live(day: Day) -> None:
    """Live through the day."""
    await day.ask()
    day.reload()
    await day.logged("reloaded")
    day.north.status = 401
    await day.ask()
    day.north.status = 200
    await day.ask()
    await day.north.go()
    for _ in range(3):
        await day.ask()
    await day.logged("circuit_opened")
    await day.north.come()
    async with asyncio.timeout(WAIT_SECONDS):
        while '"event":"circuit_closed"' not in day.server.output:
            await day.ask()
            await asyncio.sleep(0.1)
    await day.interrupted()
    assert "forbidden" in await day.ask(Origin="https://other.example")
    async with day.streaming() as (_, response):
        assert "budget_exceeded" in await day.ask("much", "large")
        assert "budget_exceeded" in await day.ask()
        day.signal(signal.SIGTERM)
        await day.logged("drain_begins")
        day.north.hold.set()
        await response.read()


async def the_day() -> str:
    """Run the day, and return the log."""
    north, south = Provider(), Provider()
    await north.come()
    await south.come()
    try:
        with TemporaryDirectory() as folder:
            file = Path(folder, "dualstream.toml")
            configuration = CONFIGURATION.format(north=north.url, south=south.url)
            file.write_text(configuration)  # noqa: ASYNC240 - nothing else runs yet
            command = [sys.executable, "-m", "gateway", "serve", "--port", "0", "--config", str(file)]
            with serving(command, r"Dualstream listens on (http://\S+)", {}) as server:
                async with aiohttp.ClientSession() as http:
                    await live(Day(server, file, north, south, http))
                await asyncio.to_thread(server.wait, EXIT_SECONDS)
            return server.output.replace(folder, "/etc/dualstream")
    finally:
        await north.go()
        await south.go()


def records(log: str) -> Sequence[Mapping[str, object]]:
    """Return the lines of a log that are JSON."""
    return [json.loads(line) for line in log.splitlines() if line.startswith("{")]


def as_console(record: Mapping[str, object]) -> str:
    """Return the line that the console form has for a record."""
    fields = {name: value for name, value in record.items() if name not in HEAD}
    text = f": {as_text(unusual(fields))}" if record["event"] == "generation_ended" else ""
    return f"{record['time']} {record['level']} {record['logger']}: {record['message']}{text}"


def shown(found: Sequence[Mapping[str, object]]) -> Sequence[Mapping[str, object]]:
    """Return the records that the page shows: of several complete answers in a row, the first one."""
    lines: list[Mapping[str, object]] = []
    for record in found:
        is_answer = record.get("end") == "complete"
        if not (is_answer and lines and lines[-1].get("end") == "complete"):
            lines.append(record)
    return lines


def masked(line: str) -> str:
    """Return a line without what differs from run to run: times, ids and ports."""
    return re.sub(r"\b[gr]_[\w-]{22}|\d[\d.:TZ-]*", "0", line)


def section(log: str) -> str:
    """Return the section of the page about a day."""
    lines = shown(records(log))
    rows = [f"| {number} | `{line['event']}` | {_explained(line)} |" for number, line in enumerate(lines, 1)]
    return "\n".join(
        [
            *(BEGIN, "```text"),
            *map(as_console, lines),
            *("```", "", "| line | event | what has happened |", "|---|---|---|", *rows, "", END),
        ]
    )


def _explained(record: Mapping[str, object]) -> str:
    return ENDS.get(str(record.get("end")), EXPLANATIONS[str(record["event"])])


def page(log: str) -> str:
    """Return the page with the section about a day replaced."""
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    return before + section(log) + rest.partition(END)[2]


def lines_of_the_page() -> Sequence[str]:
    """Return the lines of the log that the page shows."""
    text = PAGE.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0]
    return text.partition("```text\n")[2].partition("\n```")[0].splitlines()


if __name__ == "__main__":
    PAGE.write_text(page(asyncio.run(the_day())), encoding="utf-8")
