"""Run drivers by name, or all of them, over one or all APIs of providers, and print every verdict."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.integration.clients import page
from tests.integration.clients.installation import INSTALL, installation
from tests.integration.clients.stage import UI_HEARTBEAT, Verdict, stage
from tests.integration.clients.table import (
    DRIVERS,
    PROVIDER_APIS,
    QUICK,
    QUICK_CASES,
    UI_API,
    UI_DRIVERS,
    Driver,
)

Verdicts = dict[tuple[str, str], list[Verdict]]


def main() -> int:
    """Return 1 if a scenario has failed."""
    chosen = _arguments()
    everything = [driver.name for driver in (*DRIVERS, *UI_DRIVERS)]
    names = QUICK if chosen.quick else chosen.drivers or everything
    verdicts: Verdicts = {}
    if any(driver.name in names for driver in DRIVERS):
        installed = installation()
        if not installed.is_complete:
            print(f"The clients are not installed: {INSTALL}")
            return 0 if chosen.quick else 1
        verdicts |= _run(chosen, DRIVERS, names, [chosen.over] if chosen.over else [*PROVIDER_APIS])
    if chosen.over in {None, UI_API} and any(driver.name in names for driver in UI_DRIVERS):
        verdicts |= _run(chosen, UI_DRIVERS, names, [UI_API], heartbeat=UI_HEARTBEAT)
    if chosen.write:
        page.write(verdicts)
    every = [verdict for found in verdicts.values() for verdict in found]
    failed = [verdict for verdict in every if not verdict.holds]
    print(f"{len(every) - len(failed)} of {len(every)} scenarios passed")
    return 1 if failed else 0


def _run(
    chosen: argparse.Namespace,
    drivers: Sequence[Driver],
    names: Sequence[str],
    apis: Sequence[str],
    heartbeat: int = 15,
) -> Verdicts:
    """Run the drivers with one of these names over each API; print and return their verdicts."""
    verdicts: Verdicts = {}
    with TemporaryDirectory() as folder, stage(installation(), Path(folder), heartbeat=heartbeat) as scene:
        for driver in drivers:
            for api in apis:
                if driver.name in names:
                    print(f"{driver.client} over {api}", flush=True)
                    verdicts[driver.name, api] = scene.run(driver, api, only=_scenarios(chosen, driver))
                    print(*(f"  {verdict}" for verdict in verdicts[driver.name, api]), sep="\n", flush=True)
    return verdicts


def _scenarios(chosen: argparse.Namespace, driver: Driver) -> list[str]:
    """Return the names of the scenarios to run; none for all."""
    if chosen.quick:
        return [name for name in driver.scenarios if name.rpartition("/")[2] in QUICK_CASES]
    return [name for name in chosen.only.split(",") if name]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.integration.clients", description=__doc__)
    parser.add_argument(
        "drivers", nargs="*", metavar="DRIVER", help=", ".join(driver.name for driver in (*DRIVERS, *UI_DRIVERS))
    )
    parser.add_argument("--over", choices=PROVIDER_APIS, help="API of the provider (all)")
    parser.add_argument("--only", default="", help="scenarios, separated by commas (all)")
    parser.add_argument("--quick", action="store_true", help=f"only {', '.join(QUICK)}; nothing if not installed")
    parser.add_argument(
        "--write", action="store_true", help="write docs/clients/index.md, or the rows of these drivers"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
