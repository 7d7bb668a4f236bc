"""Run schemathesis on a gateway without keys and on one with keys: `make schemathesis`."""

import argparse
import sys

from tests.integration.openapi.run import load_document, run_schemathesis, running_gateway


def main() -> int:
    """Run schemathesis on both gateways, and print its output; return the exit code, 1 if a check failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--examples", type=int, default=200, help="for each operation and gateway (default %(default)s)"
    )
    parser.add_argument("--seconds", type=int, default=3600, help="time limit for each gateway (default %(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    failed = False
    for keys in (False, True):
        with running_gateway(keys=keys) as gateway:
            done = run_schemathesis(
                gateway, load_document(gateway), examples=options.examples, seed=options.seed, seconds=options.seconds
            )
        print(done.stdout)
        failed = failed or done.returncode != 0
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
