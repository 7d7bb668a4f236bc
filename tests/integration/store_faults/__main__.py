"""Run faults of the store: `python -m tests.integration.store_faults [--seconds 5] [--write] [NAME …]`."""

import argparse
import asyncio
import sys

from tests.integration.store_faults.page import section, write_page
from tests.integration.store_faults.runner import run_all


def main() -> int:
    """Run them, print or write what clients saw, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="how long each fault lasts")
    parser.add_argument("--write", action="store_true", help="write docs/reports/store-faults.md")
    parser.add_argument("names", nargs="*", help="faults; all by default")
    arguments = parser.parse_args()
    reports = asyncio.run(run_all(arguments.seconds, arguments.names))
    if arguments.write:
        write_page(reports)
    else:
        print("\n".join(section(report) for report in reports))
    deviations = [f"{report.fault.name}: {deviation}" for report in reports for deviation in report.deviations]
    print("\n".join(deviations), file=sys.stderr)
    return 1 if deviations else 0


if __name__ == "__main__":
    sys.exit(main())
