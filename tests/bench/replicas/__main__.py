"""Measure what several gateways on one Redis cost: `make replicas-measure`. It prints figures, without checks."""

import argparse
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.bench.replicas import appends, latency, members, memory, owner, starts, workers
from tests.bench.servers import redis_server
from tests.integration.redis_cluster import redis_cluster


def _appends() -> str:
    lines = []
    for tokens in (1, 10, 50):
        with tempfile.NamedTemporaryFile("w+b") as log, redis_server(log) as server:
            lines.append(appends.measure(f"redis://127.0.0.1:{server.port}", [server.pid], tokens, processes=1))
            lines.append(appends.fill(server, tokens))
    with tempfile.TemporaryDirectory() as folder, redis_cluster(Path(folder)) as cluster:
        lines.append(appends.measure(cluster.url, [node.pid for node in cluster.nodes], 10, processes=1))
    return "\n".join(lines)


MEASUREMENTS: Mapping[str, Callable[[], str]] = {
    "owner": lambda: owner.measure(runs=3, streams=100, tokens=250),
    "starts": lambda: starts.measure(runs=3),
    "members": lambda: members.measure(sizes=(3, 30, 100, 300, 1000)),
    "latency": lambda: latency.measure(runs=3, streams=20),
    "memory": lambda: memory.measure(tokens=500),
    "appends": _appends,
    "workers": lambda: workers.measure(streams=(100, 200, 300, 400)),
}


def main() -> int:
    """Run the chosen measurements, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=MEASUREMENTS, action="append", help="run this measurement; may be repeated")
    options = parser.parse_args()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.2f}, Python {platform.python_version()}", flush=True)
    for name in options.only or MEASUREMENTS:
        print(f"\n## {name}\n\n{MEASUREMENTS[name]()}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
