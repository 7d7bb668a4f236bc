"""`dualstream serve --workers`: real processes on one address, with real signals and a real store."""

import asyncio
import os
import re
import signal
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from functools import partial
from itertools import count
from pathlib import Path

import aiohttp
import pytest

from tests.integration import processes
from tests.integration.processes import Server
from tests.integration.test_processes import BODY, ENDLESS, command

SECONDS = 30
SHORT = {**BODY, "model": "sim?speed=200&length=300&ttft=0"}
COMPLETION = {**SHORT, "stream": True}
INSTANT = {**BODY, "model": "sim-instant"}
ONE_MODEL = '[models.sim-instant]\nprovider = "simulator"\n'

Serve = Callable[..., AbstractContextManager[Server]]

_databases = count(1)


@contextmanager
def serving(redis_url: str, *arguments: str, **settings: object) -> Iterator[Server]:
    """Run a gateway with two workers; they share a database of their own."""
    values = {"store": f"{redis_url}/{next(_databases)}", "rate_limit_per_minute": 0, **settings}
    with processes.gateway("--workers", "2", *arguments, **values) as server:
        server.wait_for(r"Workers: \d+ \(processes .*\)")
        yield server


@pytest.fixture
def serve(redis_url: str) -> Serve:
    """Run a gateway of one test."""
    return partial(serving, redis_url)


@pytest.fixture(scope="module")
def server(redis_url: str) -> Iterator[Server]:
    """A gateway for several tests. One that kills or replaces workers waits until their successors listen."""
    with serving(redis_url, unknown="1", drain_timeout=20) as server:
        yield server


def configure(file: Path, text: str) -> None:
    """Write a configuration file."""
    file.write_text(text, "utf-8")


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The configuration file of `configured`."""
    file = tmp_path_factory.mktemp("workers") / "dualstream.toml"
    configure(file, ONE_MODEL)
    return file


@pytest.fixture(scope="module")
def configured(redis_url: str, file: Path) -> Iterator[Server]:
    """A gateway that is configured by a file, for several tests."""
    with serving(redis_url, "--config", str(file)) as server:
        yield server


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    # Each request has a connection of its own, so that any worker may get it.
    connector = aiohttp.TCPConnector(force_close=True)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(SECONDS)) as session:
        yield session


def worker_pids(server: Server) -> list[int]:
    """Return the processes of the workers, oldest first (proc(5))."""
    children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text("ascii")
    return sorted(map(int, children.split()))


async def successor(server: Server, killed: int, other: int) -> None:
    """Wait until a worker listens in place of one that was killed."""
    await wait_until(lambda: len({*worker_pids(server)} - {killed, other}) == 1)
    (started,) = {*worker_pids(server)} - {killed, other}
    await asyncio.to_thread(server.wait_for, f"worker {started} listens")


def process_state(pid: int) -> str:
    """Return the state of a process, such as "S", "T" or "Z" (proc(5)); "" if there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def is_running(pid: int) -> bool:
    """Return False for a process that has ended, even if its parent has not asked for its code yet (Linux)."""
    return process_state(pid) not in {"", "Z"}


async def wait_until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(SECONDS):
        while not condition():
            await asyncio.sleep(0.01)


async def exit_code(server: Server) -> int:
    return await asyncio.to_thread(server._process.wait, SECONDS)


async def is_broken(stream: aiohttp.ClientResponse) -> bool:
    """Return False if an endless stream goes on, beyond what was received before its worker ended."""
    try:
        return not all([await stream.content.readany() for _ in range(10)])
    except aiohttp.ClientError:
        return True


@asynccontextmanager
async def stopped(workers: list[int]) -> AsyncIterator[None]:
    """Stop these workers, so that the others accept what is connected meanwhile."""
    for worker in workers:
        os.kill(worker, signal.SIGSTOP)
    try:
        # Before that, one may still accept a connection, and then leave its request unanswered.
        await wait_until(lambda: all(process_state(worker) == "T" for worker in workers))
        yield
    finally:
        for worker in workers:
            os.kill(worker, signal.SIGCONT)


@asynccontextmanager
async def connected_to(server: Server, others: list[int]) -> AsyncIterator[aiohttp.ClientSession]:
    """Connect with the worker that is not one of these, for all requests."""
    connector = aiohttp.TCPConnector(limit=1)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(SECONDS)) as client:
        async with stopped(others), client.get(f"{server.url}/health") as response:
            await response.read()
        yield client


@asynccontextmanager
async def started_on(
    http: aiohttp.ClientSession,
    server: Server,
    others: list[int],
    body: Mapping[str, object],
    path: str = "/api/chat/stream",
) -> AsyncIterator[aiohttp.ClientResponse]:
    """Start a generation on the worker that is not one of these."""
    async with stopped(others):
        response = await http.post(f"{server.url}{path}", json=body)
        assert await response.content.readany()
    async with response:
        yield response


async def complete(http: aiohttp.ClientSession, server: Server) -> None:
    async with http.post(f"{server.url}/api/chat/stream", json=INSTANT) as response:
        assert b"event: complete" in await response.read()


async def test_each_worker_answers_on_the_port_that_was_found(http: aiohttp.ClientSession, server: Server) -> None:
    first, second = worker_pids(server)
    for other in (first, second):
        async with started_on(http, server, [other], SHORT) as response:
            assert b"event: complete" in await response.read()
    assert server.output.count(f"Workers: 2 (processes {first}, {second})") == 1
    for line in ("Dualstream listens on", "Demo page", "DUALSTREAM_UNKNOWN is not a known setting"):
        assert server.output.count(line) == 1


async def test_a_command_to_one_worker_stops_what_runs_on_the_other(
    http: aiohttp.ClientSession, server: Server
) -> None:
    owner, other = worker_pids(server)
    async with started_on(http, server, [other], ENDLESS) as stream, connected_to(server, [owner]) as client:
        url = f"{server.url}/api/generations/{stream.headers['X-Generation-ID']}/interrupt"
        async with client.post(url) as interrupted:
            assert interrupted.status == 202
        assert b"event: interrupted" in await stream.read()


async def test_the_workers_share_the_streams_equally(http: aiohttp.ClientSession, server: Server) -> None:
    killed, other = worker_pids(server)
    async with AsyncExitStack() as stack:
        streams = []
        for _ in range(10):
            response = await stack.enter_async_context(http.post(f"{server.url}/api/chat/stream", json=ENDLESS))
            assert b"accepted" in await response.content.readany()
            streams.append(response)
        os.kill(killed, signal.SIGKILL)
        await asyncio.to_thread(server.wait_for, f"{killed} was ended by SIGKILL")
        assert 4 <= sum([await is_broken(stream) for stream in streams]) <= 6
    await successor(server, killed, other)


async def test_a_killed_worker_is_restarted_and_the_streams_of_the_other_go_on(
    http: aiohttp.ClientSession, server: Server
) -> None:
    killed, other = worker_pids(server)
    async with (
        started_on(http, server, [killed], SHORT) as kept,
        started_on(http, server, [other], ENDLESS) as broken,
    ):
        os.kill(killed, signal.SIGKILL)
        with pytest.raises(aiohttp.ClientError):
            await broken.read()
        # Every connection goes to the one that is left.
        for _ in range(20):
            await complete(http, server)
        assert b"event: complete" in await kept.read()
    await asyncio.to_thread(server.wait_for, f"worker {killed} was ended by SIGKILL: another one starts")
    await successor(server, killed, other)
    async with stopped([other]):
        await complete(http, server)


async def test_sigusr2_replaces_all_without_a_refusal(http: aiohttp.ClientSession, server: Server) -> None:
    former = worker_pids(server)
    async with started_on(http, server, former[1:], COMPLETION, "/v1/chat/completions") as running:
        os.kill(server.pid, signal.SIGUSR2)
        while server.output.count("has replaced worker") < 2:
            await complete(http, server)
        assert b"data: [DONE]" in await running.read()
    assert not any(map(is_running, former))
    successors = re.findall(r"worker (\d+) has replaced worker (\d+)", server.output)
    assert sorted(int(pid) for _, pid in successors) == former
    assert sorted(int(pid) for pid, _ in successors) == worker_pids(server)


def test_an_address_in_use_is_reported_once(server: Server, redis_url: str) -> None:
    port = server.url.rpartition(":")[2]
    done = command("serve", "--port", port, "--workers", "2", DUALSTREAM_STORE=redis_url)
    assert done.returncode == 1
    assert done.stderr.count(f"can't listen on 127.0.0.1:{port}: another program listens there") == 1


@pytest.mark.parametrize("reaches_all", [False, True], ids=["supervisor", "group"])
async def test_sigterm_drains_all_and_exits_with_0(
    http: aiohttp.ClientSession, serve: Serve, reaches_all: bool
) -> None:
    with serve(drain_timeout=3) as server:
        first, second = worker_pids(server)
        async with (
            # Its client can't come back to another gateway: it ends here.
            started_on(http, server, [second], COMPLETION, "/v1/chat/completions") as finishing,
            started_on(http, server, [first], ENDLESS) as endless,
        ):
            # systemd and a terminal send it to all processes of a group.
            for pid in [first, server.pid, second] if reaches_all else [server.pid]:
                os.kill(pid, signal.SIGTERM)
            assert b"data: [DONE]" in await finishing.read()
            assert await is_broken(endless)
        assert await exit_code(server) == 0
    assert not is_running(first)
    assert not is_running(second)
    assert "Traceback" not in server.output


async def test_a_second_sigterm_ends_all_at_once(http: aiohttp.ClientSession, serve: Serve) -> None:
    with serve(drain_timeout=600) as server:
        pids = worker_pids(server)
        async with http.post(f"{server.url}/api/chat/stream", json=ENDLESS) as endless:
            await endless.content.readany()
            os.kill(server.pid, signal.SIGTERM)
            await asyncio.to_thread(server.wait_for, "SIGTERM: draining, at most 600 s")
            os.kill(server.pid, signal.SIGTERM)
            assert await exit_code(server) == 0
        assert not any(map(is_running, pids))


async def test_workers_end_with_a_killed_supervisor(http: aiohttp.ClientSession, serve: Serve) -> None:
    with serve(drain_timeout=600) as server:
        pids = worker_pids(server)
        async with http.post(f"{server.url}/api/chat/stream", json=ENDLESS) as endless:
            await endless.content.readany()
            os.kill(server.pid, signal.SIGKILL)
            assert b'"code":"shutting_down"' in await endless.read()
        await wait_until(lambda: not any(map(is_running, pids)))


async def test_former_workers_stay_when_a_new_one_cannot_start(
    http: aiohttp.ClientSession, configured: Server, file: Path
) -> None:
    former = worker_pids(configured)
    configure(file, f"max_queue = 'x'\n{ONE_MODEL}")
    os.kill(configured.pid, signal.SIGUSR2)
    await asyncio.to_thread(configured.wait_for, "ended with code 2 before it listened: the former workers stay")
    assert f"{file}:1: max_queue: must be" in configured.output
    await complete(http, configured)
    assert worker_pids(configured) == former
    configure(file, ONE_MODEL)


async def test_sighup_reloads_all(http: aiohttp.ClientSession, configured: Server, file: Path) -> None:
    configure(file, '[models."sim?speed=0"]\nprovider = "simulator"\n')
    os.kill(configured.pid, signal.SIGHUP)
    reloaded = "configuration reloaded: models: sim.speed=0"
    await asyncio.to_thread(configured.wait_for, rf"(?s){reloaded}.*{reloaded}")
    for _ in range(10):
        async with http.post(f"{configured.url}/api/generations", json=INSTANT) as refused:
            assert refused.status == 404
    assert len(set(re.findall(r"INFO (\d+) gateway.app.reload", configured.output))) == 2


@pytest.mark.parametrize(
    ("arguments", "environment", "code", "message"),
    [
        (("--workers", "2"), {}, 2, "--workers: is 2, but store is memory, which belongs to one process: set store to"),
        (("--workers", "0"), {}, 2, "--workers: must be greater than or equal to 1"),
        ((), {"DUALSTREAM_WORKERS": "two"}, 2, "DUALSTREAM_WORKERS: must be a whole number"),
    ],
)
def test_settings_that_cannot_be_used_are_reported(
    arguments: tuple[str, ...], environment: dict[str, str], code: int, message: str
) -> None:
    done = command("serve", "--port", "0", *arguments, **environment)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith(f"dualstream: {message}")


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"DUALSTREAM_KEYS_FILE": "/nonexistent/keys.toml"}, "/nonexistent/keys.toml"),
        ({"DUALSTREAM_STORE_PASSWORD": "wrong"}, "has no password for its default user"),
    ],
)
def test_what_only_a_worker_finds_is_reported_once(redis_url: str, environment: dict[str, str], message: str) -> None:
    done = command("serve", "--port", "0", "--workers", "3", DUALSTREAM_STORE=redis_url, **environment)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count(message) == 1
    assert done.stderr.count("\n") == 1
