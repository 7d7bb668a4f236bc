"""SIGTERM while answers run."""

import asyncio
import signal
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import aiohttp

from gateway.client import Answer, Client
from gateway.protocol.events import Complete, Error, Terminal
from tests.integration.faults.servers import PROMPT, gateway
from tests.integration.faults.timeline import Timeline, differing
from tests.integration.servers import simulator_process

FINISHING = "sim?ttft=0&speed=100&length=150"
ENDLESS = "sim?ttft=0&speed=85&length=100000"
BODY = {"messages": [{"role": "user", "content": PROMPT}], "model": FINISHING}
PATIENCE = 60.0


@dataclass(slots=True)
class Drained:
    """What happened between the signal and the exit."""

    timeline: Timeline = field(default_factory=Timeline)
    ends: Counter[str] = field(default_factory=Counter)
    refused_status: int = 0
    retry_after: str | None = None
    rejected: str = ""
    close_code: int | None = None
    exit_code: int | None = None
    exit_s: float = 0.0
    complaints: list[str] = field(default_factory=list)

    def deviations(self, finishing: int, endless: int, deadline: float) -> list[str]:
        """Say what is not as it must be; what would finish by itself may be too late on a slow machine."""
        shut_down = "error shutting_down, partial, retryable"
        return differing(
            all_ended=(self.ends["complete"] + self.ends[shut_down], finishing + endless),
            endless_were_ended=(self.ends[shut_down] >= endless, True),
            refused=((self.refused_status, self.retry_after), (503, "1")),
            rejected=(self.rejected, "rejected shutting_down"),
            close_code=(self.close_code, 1012),
            exit_code=(self.exit_code, 0),
            not_before_the_deadline=(self.exit_s >= deadline, True),
            complaints=(self.complaints, []),
        )


async def drain(finishing: int, endless: int, deadline: float) -> Drained:
    """Let answers run, half on each transport; some end by themselves within the deadline, the others do not."""
    seen = Drained()
    with simulator_process() as upstream, gateway(upstream, {"DUALSTREAM_DRAIN_TIMEOUT": f"{deadline:g}"}) as ours:
        async with (
            asyncio.timeout(PATIENCE),
            aiohttp.ClientSession() as http,
            Client(ours.address, transport="sse") as by_sse,
            Client(ours.address, transport="ws") as by_socket,
            http.ws_connect(f"{ours.address}/api/ws") as idle,
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
            seen.timeline.begin()
            ours.process.send_signal(signal.SIGTERM)
            seen.timeline.note(f"SIGTERM with {sum(not answer.terminal for answer in answers)} running")
            await _knock(http, ours.address, idle, seen)
            await asyncio.gather(*readers)
            # An idle socket is told to go elsewhere when the drain is over.
            assert (await idle.receive()).type in {aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED}
            seen.close_code = idle.close_code
        seen.timeline.note(f"the idle WebSocket was closed with {seen.close_code}")
        seen.exit_code = await asyncio.to_thread(ours.process.wait, PATIENCE)
        seen.exit_s = seen.timeline.now
        seen.timeline.note(f"the process exited with {seen.exit_code}")
        seen.complaints = ours.complaints()
    _sum_up(ended, seen)
    return seen


async def _knock(
    http: aiohttp.ClientSession, address: str, idle: aiohttp.ClientWebSocketResponse, seen: Drained
) -> None:
    while (await http.get(f"{address}/ready")).status != 503:
        await asyncio.sleep(0.001)
    seen.timeline.note("`/ready` answers 503")
    async with http.post(f"{address}/api/chat/stream", json=BODY) as response:
        seen.refused_status, seen.retry_after = response.status, response.headers.get("Retry-After")
    seen.timeline.note(f"a start by POST is refused: {seen.refused_status}, `Retry-After: {seen.retry_after}`")
    await idle.send_json({"type": "start", "id": 1, **BODY})
    said = await idle.receive_json()
    seen.rejected = f"{said['type']} {said.get('code')}"
    seen.timeline.note(f"a start on an open WebSocket is refused: `{seen.rejected}`, the socket lives")


async def _read(answer: Answer, timeline: Timeline, ended: list[tuple[float, str]]) -> None:
    async for _ in answer:
        pass
    ended.append((timeline.now, _name(answer.terminal)))


def _name(end: Terminal | None) -> str:
    if isinstance(end, Complete):
        return "complete"
    if isinstance(end, Error):
        return f"error {end.code}" + (", partial" if end.partial else "") + (", retryable" if end.retryable else "")
    return repr(end)


def _sum_up(ended: Sequence[tuple[float, str]], seen: Drained) -> None:
    for name in sorted({name for _, name in ended}):
        times = sorted(at for at, other in ended if other == name)
        seen.ends[name] = len(times)
        seen.timeline.note(f"the first of {len(times)} answers ends: `{name}`", times[0])
        seen.timeline.note(f"the last of them: `{name}`", times[-1])
