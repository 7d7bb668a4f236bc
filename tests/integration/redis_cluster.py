"""A real Redis Cluster of three primaries for the tests, in memory alone."""

import random
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
from redis import Redis

from tests.integration.processes import Server
from tests.integration.redis_server import redis_server

SLOTS: Final = 16384
START_SECONDS: Final = 30.0


@dataclass(frozen=True)
class RedisCluster:
    """The nodes, each with a third of the slots."""

    nodes: Sequence[Server]

    @property
    def url(self) -> str:
        """Return the URL that names all nodes."""
        return f"redis+cluster://{','.join(address_of(node) for node in self.nodes)}"

    def run(self, number: int, *command: str | int) -> object:
        """Run a command on one of the nodes."""
        host, _, port = address_of(self.nodes[number]).partition(":")
        with Redis(host=host, port=int(port), decode_responses=True) as client:
            return client.execute_command(*command)


def address_of(node: Server) -> str:
    """Return the host and port of a server."""
    return node.url.removeprefix("redis://")


def quiet_port() -> int:
    """Return a free port that no outgoing connection gets: a cluster needs six until all its nodes run."""
    while True:
        port = random.randrange(20_000, 32_000)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


@contextmanager
def redis_cluster(folder: Path) -> Iterator[RedisCluster]:
    """Run a cluster whose nodes keep their configuration in this folder."""
    with ExitStack() as stack:
        bus_ports = [quiet_port() for _ in range(3)]
        options = [_options(folder / f"node-{number}", port) for number, port in enumerate(bus_ports)]
        nodes = [stack.enter_context(redis_server(*some, port=quiet_port())) for some in options]
        cluster = RedisCluster(nodes)
        for number in range(3):
            # What redis-cli --cluster create does, without its waits.
            first, after = SLOTS * number // 3, SLOTS * (number + 1) // 3
            cluster.run(number, "CLUSTER", "ADDSLOTSRANGE", first, after - 1)
            cluster.run(number, "CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        for number in (1, 2):
            cluster.run(0, "CLUSTER", "MEET", *address_of(nodes[number]).split(":"), bus_ports[number])
        wait_until_ok(cluster)
        yield cluster


def wait_until_ok(cluster: RedisCluster) -> None:
    """Wait until each node knows the others, and all slots are served."""
    end = time.monotonic() + START_SECONDS
    while not all(_is_ok(cluster, number) for number in range(len(cluster.nodes))):
        if time.monotonic() > end:
            pytest.fail(f"no cluster after {START_SECONDS:g} s: {cluster.run(0, 'CLUSTER', 'NODES')}")
        time.sleep(0.05)


def _is_ok(cluster: RedisCluster, number: int) -> bool:
    info = str(cluster.run(number, "CLUSTER", "INFO"))
    slots = cluster.run(number, "CLUSTER", "SLOTS")
    return "cluster_state:ok" in info and isinstance(slots, list) and len({str(entry[2]) for entry in slots}) == 3


def _options(folder: Path, bus_port: int) -> Sequence[str]:
    folder.mkdir()
    return (
        *("--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf", "--dir", str(folder)),
        # By default it is the port and 10000, which may be too high.
        *("--cluster-port", str(bus_port), "--cluster-node-timeout", "1000"),
    )
