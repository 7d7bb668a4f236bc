"""Run many streams over three gateways, kill one and drain one, and count what the viewers got: `make replicas`."""

import argparse
import asyncio
import os
import sys
import tempfile
from pathlib import Path

from tests.integration.replicas.deployment import deployment
from tests.integration.replicas.report import details, table
from tests.integration.replicas.scenario import Outcome, Plan, run


def main() -> int:
    """Run each seed; return 1 if something was lost, doubled or left hanging."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=300)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--replicas", type=int, default=3, help="1: one gateway without a store, to test the test")
    parser.add_argument("--cluster", action="store_true", help="on a Redis Cluster of three nodes")
    parser.add_argument("--continue", action="store_true", dest="goes_on", help='with on_owner_lost = "continue"')
    parser.add_argument("--logs", action="store_true", help="print what the gateways printed")
    options = parser.parse_args()
    outcomes: list[Outcome] = []
    for seed in options.seeds:
        settings = {"on_owner_lost": "continue"} if options.goes_on else {}
        with (
            tempfile.TemporaryDirectory() as folder,
            deployment(Path(folder), options.replicas, with_cluster=options.cluster, **settings) as running,
        ):
            outcome = asyncio.run(run(running, Plan(options.streams, seed)))
            if options.logs:
                print("\n".join(f"--- {replica.name}\n{replica.output}" for replica in running.replicas))
        print(details(outcome), flush=True)
        outcomes.append(outcome)
    print(f"\n{os.cpu_count()} cores, Python {sys.version.split()[0]}\n\n{table(outcomes)}")
    return int(any(outcome.problems or outcome.hanging for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
