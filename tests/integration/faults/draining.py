"""SIGTERM while generations run."""

import asyncio
import signal
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import aiohttp

from gateway.client import Answer, Client
from gateway.protocol.events import Complete, Error, Terminal
from tests.integration.faults.servers import PROMPT, gateway
from tests.integration.faults.timeline import Timeline, differences
from tests.integration.servers import simulator_process

FINISHING = "sim?ttft=0&speed=100&length=150"
ENDLESS = "sim?ttft=0&speed=85&length=100000"
BODY = {"messages": [{"role": "user", "content": PROMPT}], "model": FINISHING}
TIMEOUT = 60.0


@dataclass(slots=True)
class Drain:
    """What happened between the signal and the exit."""

    timeline: Timeline = field(default_factory=Timeline)
    ends: Counter[str] = field(default_factory=Counter)
    refused_status: int = 0
    retry_after: str | None = None
    rejected: str = ""
    close_code: int | None = None
    exit_code: int | None = None
    exit_s: float = 0.0
    log_errors: list[str] = field(default_factory=list)

    def deviations(self, finishing: int, endless: int, deadline: float) -> list[str]:
        """Return the deviations; on a slow machine, answers that should complete may miss the deadline."""
        shut_down = "error shutting_down, partial, retryable"
        return differences(
            all_ended=(self.ends["complete"] + self.ends[shut_down], finishing + endless),
            endless_were_ended=(self.ends[shut_down] >= endless, True),
            refused=((self.refused_status, self.retry_after), (503, "1")),
            rejected=(self.rejected, "rejected shutting_down"),
            close_code=(self.close_code, 1012),
            exit_code=(self.exit_code, 0),
            not_before_the_deadline=(self.exit_s >= deadline, True),
            log_errors=(self.log_errors, []),
        )


async def drain(finishing: int, endless: int, deadline: float) -> Drain:
    """Run answers, half on each transport, and send SIGTERM; `finishing` complete in time, `endless` do not."""
    seen = Drain()
    with simulator_process() as upstream, gateway(upstream, {"DUALSTREAM_DRAIN_TIMEOUT": f"{deadline:g}"}) as running:
        async with (
            asyncio.timeout(TIMEOUT),
            aiohttp.ClientSession() as http,
            Client(running.address, transport="sse") as by_sse,
            Client(running.address, transport="ws") as by_socket,
            http.ws_connect(f"{running.address}/api/ws") as idle,
        ):
            clients = [by_sse, by_socket]
            models = [ENDLESS] * endless + [FINISHING] * finishing
            answers = await asyncio.gather(
                *(clients[number % 2].start(PROMPT, model=model) for number, model in enumerate(models))
            )
            ended: list[tuple[float, str]] = []
            readers = [asyncio.create_task(_read(answer, seen.timeline, ended)) for answer in answers]
            while not all(answer.text for answer in answers):
                await asyncio.sleep(0.005)
            seen.timeline.restart()
            running.process.send_signal(signal.SIGTERM)
            seen.timeline.note(f"SIGTERM with {sum(not answer.terminal for answer in answers)} running")
            await _try_to_start(http, running.address, idle, seen)
            await asyncio.gather(*readers)
            # An idle WebSocket is closed at the end of the drain, with the code for a restart.
            assert (await idle.receive()).type in {aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED}
            seen.close_code = idle.close_code
        seen.timeline.note(f"the idle WebSocket was closed with {seen.close_code}")
        seen.exit_code = await asyncio.to_thread(running.process.wait, TIMEOUT)
        seen.exit_s = seen.timeline.now
        seen.timeline.note(f"the process exited with {seen.exit_code}")
        seen.log_errors = running.log_errors()
    _add_ends(ended, seen)
    return seen


async def _try_to_start(
    http: aiohttp.ClientSession, address: str, idle: aiohttp.ClientWebSocketResponse, seen: Drain
) -> None:
    while (await http.get(f"{address}/ready")).status != 503:
        await asyncio.sleep(0.001)
    seen.timeline.note("`/ready` returns 503")
    async with http.post(f"{address}/api/chat/stream", json=BODY) as response:
        seen.refused_status, seen.retry_after = response.status, response.headers.get("Retry-After")
    seen.timeline.note(f"a start by POST is refused: {seen.refused_status}, `Retry-After: {seen.retry_after}`")
    await idle.send_json({"type": "start", "id": 1, **BODY})
    message = await idle.receive_json()
    seen.rejected = f"{message['type']} {message.get('code')}"
    seen.timeline.note(f"a start on an open WebSocket is refused: `{seen.rejected}`, the socket stays open")


async def _read(answer: Answer, timeline: Timeline, ended: list[tuple[float, str]]) -> None:
    async for _ in answer:
        pass
    ended.append((timeline.now, _end_name(answer.terminal)))


def _end_name(end: Terminal | None) -> str:
    if isinstance(end, Complete):
        return "complete"
    if isinstance(end, Error):
        return f"error {end.code}" + (", partial" if end.partial else "") + (", retryable" if end.retryable else "")
    return repr(end)


def _add_ends(ended: Sequence[tuple[float, str]], seen: Drain) -> None:
    for name in sorted({name for _, name in ended}):
        times = sorted(at for at, other in ended if other == name)
        seen.ends[name] = len(times)
        seen.timeline.note(f"the first of {len(times)} answers ends: `{name}`", times[0])
        seen.timeline.note(f"the last of them ends: `{name}`", times[-1])
