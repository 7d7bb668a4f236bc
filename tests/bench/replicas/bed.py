"""Gateways that share a Redis, or one without, in front of a provider; and what all of them use during a load."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Final

from redis import Redis

from tests.bench.measurement import cpu_time, machine_cpu
from tests.bench.messages import AnswerSpec
from tests.bench.processes import Server, free_port, python, serving, tree
from tests.bench.scenarios import Shape
from tests.bench.servers import GATEWAY_SETTINGS, redis_server
from tests.bench.targets import TARGETS
from tests.bench.testbed import Testbed

NANOSECONDS: Final = 1_000_000_000
SSE: Final = TARGETS["sse"]
WARM_UP: Final = Shape(16, 100, AnswerSpec(20))


@dataclass(frozen=True, slots=True)
class Bed:
    """What runs. `redis` is None without a store."""

    provider: Server
    gateways: Sequence[Server]
    redis: Server | None
    log: IO[bytes]

    def testbed(self, gateway: int = 0) -> Testbed:
        """Return what runs loads on one of the gateways."""
        return Testbed(self.gateways[gateway], self.provider, self.log)

    def run(self, shape: Shape, gateway: int = 0) -> None:
        """Run a load on a gateway, over SSE."""
        self.testbed(gateway).run(SSE, shape)


@contextmanager
def bed(
    gateways: int = 1, *, with_redis: bool, settings: Mapping[str, str] | None = None, workers: int = 1
) -> Iterator[Bed]:
    """Start a provider, and gateways in front of it, each of this number of processes."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="bench-")))
        log = stack.enter_context((folder / "log").open("w+b"))
        port = free_port()
        provider = stack.enter_context(serving(python("tests.bench.provider", "--port", str(port)), port, log))
        redis = stack.enter_context(redis_server(log)) if with_redis else None
        store = {} if redis is None else {"DUALSTREAM_STORE": f"redis://127.0.0.1:{redis.port}"}
        started = []
        for _ in range(gateways):
            port = free_port()
            upstream = f"http://127.0.0.1:{provider.port}/v1"
            command = python("gateway", "serve", "--port", str(port), "--upstream", upstream)
            command += ["--workers", str(workers)] if workers > 1 else []
            environment = {**GATEWAY_SETTINGS, **store, **(settings or {})}
            started.append(stack.enter_context(serving(command, port, log, environment)))
        running = Bed(provider, started, redis, log)
        for number in range(gateways):
            running.testbed(number).run(SSE, WARM_UP)
        yield running


@dataclass(slots=True)
class Use:
    """What a load used: CPU in seconds of each gateway and of Redis, and what Redis counted."""

    seconds: float = 0.0
    gateways: list[float] = field(default_factory=list)
    redis: float = 0.0
    commands: int = 0
    received: int = 0
    sent: int = 0
    by_command: dict[str, int] = field(default_factory=dict)
    others: float = 0.0
    """Cores that other processes of the machine used, those of the benchmark included."""


class UseMeter:
    """Measures from its construction to `stop`."""

    def __init__(self, bed: Bed) -> None:
        self._pids = [tree(gateway.pid) for gateway in bed.gateways]
        self._redis_pid = [] if bed.redis is None else [bed.redis.pid]
        self._redis = None if bed.redis is None else Redis(port=bed.redis.port)
        self._info = self._read_info()
        self._cpu = [cpu_time(pids) for pids in self._pids]
        self._redis_cpu = cpu_time(self._redis_pid)
        self._machine, self._at = machine_cpu(), time.monotonic()

    def stop(self) -> Use:
        """Return what was used."""
        use = Use(seconds=time.monotonic() - self._at)
        use.gateways = [
            (cpu_time(pids) - before) / NANOSECONDS for pids, before in zip(self._pids, self._cpu, strict=True)
        ]
        use.redis = (cpu_time(self._redis_pid) - self._redis_cpu) / NANOSECONDS
        use.others = (machine_cpu().used - self._machine.used - sum(use.gateways) - use.redis) / use.seconds
        info = self._read_info()
        difference = {name: count - self._info.get(name, 0) for name, count in info.items()}
        use.commands, use.received, use.sent = (difference.pop(name, 0) for name in _TOTALS)
        use.by_command = {name: count for name, count in difference.items() if count}
        return use

    def _read_info(self) -> dict[str, int]:
        if self._redis is None:
            return {}
        stats, commands = self._redis.info("stats"), self._redis.info("commandstats")
        counted = {name.removeprefix("cmdstat_"): int(values["calls"]) for name, values in commands.items()}
        return {**counted, **{name: int(stats[name]) for name in _TOTALS}}


_TOTALS: Final = ("total_commands_processed", "total_net_input_bytes", "total_net_output_bytes")
