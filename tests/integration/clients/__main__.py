"""Run drivers by name, or all of them, over one or all APIs of providers, and print every verdict."""

import argparse
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.integration.clients import page
from tests.integration.clients.installation import INSTALL, installation
from tests.integration.clients.stage import Verdict, stage
from tests.integration.clients.table import DRIVERS, PROVIDER_APIS, QUICK, QUICK_CASES, Driver


def main() -> int:
    """Return 1 if a scenario has failed."""
    chosen = _arguments()
    installed = installation()
    if not installed.is_complete:
        print(f"The clients are not installed: {INSTALL}")
        return 0 if chosen.quick else 1
    names = QUICK if chosen.quick else chosen.drivers or [driver.name for driver in DRIVERS]
    verdicts: dict[tuple[str, str], list[Verdict]] = {}
    with TemporaryDirectory() as folder, stage(installed, Path(folder)) as scene:
        for driver in DRIVERS:
            for api in [chosen.over] if chosen.over else PROVIDER_APIS:
                if driver.name in names:
                    print(f"{driver.client} over {api}", flush=True)
                    verdicts[driver.name, api] = scene.run(driver, api, only=_scenarios(chosen, driver))
                    print(*(f"  {verdict}" for verdict in verdicts[driver.name, api]), sep="\n", flush=True)
    if chosen.write:
        page.write(verdicts)
    every = [verdict for found in verdicts.values() for verdict in found]
    failed = [verdict for verdict in every if not verdict.holds]
    print(f"{len(every) - len(failed)} of {len(every)} scenarios passed")
    return 1 if failed else 0


def _scenarios(chosen: argparse.Namespace, driver: Driver) -> list[str]:
    """Return the names of the scenarios to run; none for all."""
    if chosen.quick:
        return [name for name in driver.scenarios if name.rpartition("/")[2] in QUICK_CASES]
    return [name for name in chosen.only.split(",") if name]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.integration.clients", description=__doc__)
    parser.add_argument("drivers", nargs="*", metavar="DRIVER", help=", ".join(driver.name for driver in DRIVERS))
    parser.add_argument("--over", choices=PROVIDER_APIS, help="API of the provider (all)")
    parser.add_argument("--only", default="", help="scenarios, separated by commas (all)")
    parser.add_argument("--quick", action="store_true", help=f"only {', '.join(QUICK)}; nothing if not installed")
    parser.add_argument("--write", action="store_true", help="write docs/clients.md, or the rows of these drivers")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
