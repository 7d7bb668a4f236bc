"""`make schemathesis`: as many examples as are wanted, against a gateway of its own, without keys and with them."""

import argparse
import sys

from tests.integration.described.run import described, examine, published


def main() -> int:
    """Run both, print what schemathesis prints, and give the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=200, help="of each operation, in each of the two")
    parser.add_argument("--seconds", type=int, default=3600, help="the longest that one of the two may take")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    failed = False
    for keys in (False, True):
        with described(keys=keys) as gateway:
            done = examine(
                gateway, published(gateway), examples=options.examples, seed=options.seed, seconds=options.seconds
            )
        print(done.stdout)
        failed = failed or done.returncode != 0
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
