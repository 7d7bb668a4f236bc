"""Bad days of the machine that the gateway runs on: a pause, no more files, a clock set back, names that hang."""

import asyncio
import os
import shutil
import signal
import socket
import sys
import tempfile
from collections import Counter
from contextlib import suppress
from pathlib import Path

import aiohttp

from gateway.client import Client
from gateway.protocol.errors import Refused
from gateway.protocol.events import Complete, Error, Event
from tests.integration.faults.runner import TRANSPORTS
from tests.integration.faults.scenario import Scenario
from tests.integration.faults.servers import PROMPT, calls, gateway, stats, until_idle
from tests.integration.faults.timeline import differences
from tests.integration.servers import simulator_process
from tests.integration.starts import replace_file

TIMEOUT = 60.0
EACH = 5
SHIFTED = """
import os, sys, time
shift, real = sys.argv.pop(1), time.time
time.time = lambda: real() + float(open(shift).read())
from gateway.cli import main
sys.exit(main())
"""
"""A gateway whose clock is as far off as a file says."""


async def _run(client: Client, model: str) -> Event | None:
    answer = await client.start(PROMPT, model=model)
    async for _ in answer:
        pass
    return answer.terminal


def _end(event: Event | None) -> str:
    return event.code if isinstance(event, Error) else "none" if event is None else event.type


async def paused() -> Scenario:
    """Stop the process for longer than its time limits while answers stream: what came meanwhile is in the sockets."""
    seen = Scenario("the gateway is paused", "SIGSTOP for 2.5 s; `stall_timeout` 1 s; the provider goes on sending")
    settings = {"DUALSTREAM_STALL_TIMEOUT": "1", "DUALSTREAM_FIRST_TOKEN_TIMEOUT": "1", "DUALSTREAM_MAX_ATTEMPTS": "1"}
    with simulator_process() as provider, gateway(provider, settings) as running:
        ends, circuits = Counter[str](), ""
        async with asyncio.timeout(TIMEOUT), aiohttp.ClientSession() as http:
            clients = [await http_client(running.address, transport) for transport in TRANSPORTS]
            streaming = [
                asyncio.create_task(_run(client, "sim?ttft=0&speed=100&length=500")) for client in clients * EACH
            ]
            while (await stats(http, running.address))["active"] < len(streaming):
                await asyncio.sleep(0.02)
            running.process.send_signal(signal.SIGSTOP)
            await asyncio.sleep(2.5)
            running.process.send_signal(signal.SIGCONT)
            ends.update([_end(await end) for end in streaming])
            ends.update([_end(await _run(clients[0], "sim?ttft=0&speed=0&length=10"))])
            circuits = ", ".join(running.breakers())
            seen.upstream = f"{await calls(http, provider)} calls, circuit {circuits or 'closed'}"
            for client in clients:
                await client.__aexit__(None, None, None)
        seen.client = f"{ends['complete']} of {ends.total()} `complete`, the next start too"
        seen.deviations = differences(ends=(dict(ends), {"complete": 2 * EACH + 1}), circuits=(circuits, ""))
        seen.deviations += running.log_errors()
    return seen


async def http_client(address: str, transport: str) -> Client:
    """Return an open client."""
    return await Client(address, transport="sse" if transport == "sse" else "ws").__aenter__()


async def out_of_files() -> Scenario:
    """Start more answers than there are files for upstream connections, on a few sockets, and ask for the health."""
    seen = Scenario("no more open files", "128 files, 180 starts on 3 WebSockets")
    settings = {"DUALSTREAM_MAX_CONCURRENT": "500", "DUALSTREAM_MAX_QUEUE": "500"}
    command = ["sh", "-c", 'ulimit -n 128; exec "$0" -m gateway "$@"', sys.executable]
    model = "sim?ttft=0&speed=200&length=300"
    with simulator_process() as provider, gateway(provider, settings, command) as running:
        health, codes = Counter[int | str](), Counter[str]()
        async with asyncio.timeout(TIMEOUT), aiohttp.ClientSession() as http:
            sockets = [await http.ws_connect(f"{running.address}/api/ws") for _ in range(3)]
            start = {"type": "start", "model": model, "messages": [{"role": "user", "content": PROMPT}]}
            for socket_ in sockets:
                for _ in range(60):
                    await socket_.send_json(start)
            for _ in range(10):
                async with aiohttp.ClientSession() as other:
                    try:
                        async with other.get(f"{running.address}/health") as response:
                            health[response.status] += 1
                    except aiohttp.ClientError as error:
                        health[type(error).__name__] += 1
                await asyncio.sleep(0.05)
            for socket_ in sockets:
                ended = 0
                while ended < 60:
                    event = await socket_.receive_json()
                    if event["type"] in {"complete", "error", "rejected"}:
                        ended += 1
                        codes[event.get("code", "complete")] += 1
                await socket_.close()
            await until_idle(http, running.address)
        blamed = running.breakers()
        named = "Too many open files" in running.log() or "open files" in running.log()
    seen.client = f"{_counts(codes)}; `/health` {_counts(health)}"
    seen.upstream = "circuit closed; the log names the files" if named and not blamed else "blamed"
    seen.deviations = differences(
        health=(dict(health), {200: 10}), named=(named, True), circuits=(blamed, []), ended=(codes.total(), 180)
    )
    return seen


def _counts(counter: Counter[str] | Counter[int | str]) -> str:
    return ", ".join(f"{count} x `{name}`" for name, count in counter.most_common())


async def clock_set_back() -> Scenario:
    """Use up a budget, then set the clock back over midnight: the day before must not be a new day."""
    seen = Scenario("the clock is set back", "by 26 hours, after the day's budget is spent")
    config = (
        "budget_per_day = 0.0001\n[providers.p]\nbase_url = '{url}'\n"
        "[models.m]\nprovider = 'p'\nupstream_model = 'sim?ttft=0&speed=0&length=60'\n"
        "price = {{ input = 1.0, output = 100.0 }}\n"
    )
    with simulator_process() as provider, tempfile.TemporaryDirectory() as folder:
        file, shift, script = (Path(folder, name) for name in ("dualstream.toml", "shift", "shifted.py"))
        file.write_text(config.format(url=provider))
        replace_file(shift, "0")
        script.write_text(SHIFTED)
        command = [sys.executable, str(script), str(shift)]
        with gateway(file, {}, command) as running:
            ends = []
            async with asyncio.timeout(TIMEOUT), aiohttp.ClientSession() as http:
                for hours in (0, 0, -26, 26):
                    replace_file(shift, str(hours * 3600))
                    async with Client(running.address) as client:
                        try:
                            ends.append(_end(await _run(client, "m")))
                        except Refused as refused:
                            ends.append(refused.code)
                called = await calls(http, provider)
                seen.upstream = f"{called} calls: one each day"
            seen.client = f"spent: `{ends[1]}`; set back: `{ends[2]}`; the next day: answered"
            # The first answer may be ended by the budget that it spends; the next day's one likewise.
            seen.deviations = differences(ends=(ends[1:3], ["budget_exceeded"] * 2), calls=(called, 2))
            seen.deviations += running.log_errors()
    return seen


async def names_that_hang() -> Scenario:
    """Call two providers whose names' servers do not answer, and a healthy one beside them."""
    seen = Scenario("names that do not resolve", "two providers' DNS does not answer; `connect_timeout` 1 s")
    if os.geteuid() or shutil.which("unshare") is None:
        seen.skipped = "needs root and unshare(1), for a resolv.conf of its own"
        return seen
    with simulator_process() as provider, tempfile.TemporaryDirectory() as folder:
        port = provider.removesuffix("/v1").rpartition(":")[2]
        names = {"bad0": "a.dead.example", "bad1": "b.dead.example", "good": "good.internal"}
        tables = "".join(
            f"[providers.p-{name}]\nbase_url = 'http://{host}:{port}/v1'\n"
            f"[models.{name}]\nprovider = 'p-{name}'\nupstream_model = 'sim-instant'\n"
            for name, host in names.items()
        )
        file, resolv, hosts = (Path(folder, name) for name in ("dualstream.toml", "resolv.conf", "hosts"))
        file.write_text(f"connect_timeout = 1\nmax_attempts = 1\nbreaker_failures = 0\n{tables}")
        resolv.write_text("nameserver 127.0.0.9\noptions timeout:5 attempts:2\n")
        hosts.write_text("127.0.0.1 localhost good.internal\n")
        with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
            # It takes the questions and answers none. Where the port is taken, they are refused at once: no fault.
            silent.bind(("127.0.0.9", 53))
            binds = f"mount --bind {resolv} /etc/resolv.conf && mount --bind {hosts} /etc/hosts"
            command = ["unshare", "-m", "sh", "-c", f'{binds} && exec "$0" -m gateway "$@"', sys.executable]
            with gateway(file, {}, command) as running:
                return await _call_names(running.address, seen)
        seen.skipped = "127.0.0.9:53 is in use"
    return seen


async def _call_names(address: str, seen: Scenario) -> Scenario:
    loop = asyncio.get_running_loop()
    ends: dict[str, str] = {}
    took: dict[str, float] = {}

    async def call(name: str) -> None:
        started_at = loop.time()
        async with Client(address) as client:
            ends[name] = _end(await _run(client, name))
        took[name] = loop.time() - started_at

    async with asyncio.timeout(TIMEOUT):
        dead = [asyncio.create_task(call(name)) for name in ("bad0", "bad1")]
        await asyncio.sleep(0.3)
        await call("good")
        before_the_dead = not any(task.done() for task in dead)
        await asyncio.gather(*dead)
    seen.client = f"the healthy one `{ends['good']}`, before the others have ended; those `{ends['bad0']}`"
    seen.upstream = "two names are never resolved"
    # The order of the ends is the verdict, not a time: the good one starts later and ends first.
    seen.deviations = differences(
        ends=(ends, {"bad0": "network_error", "bad1": "network_error", "good": Complete.type}),
        the_good_one_is_first=(before_the_dead, True),
        within_its_time=(max(took["bad0"], took["bad1"]) < 8, True),
    )
    return seen
