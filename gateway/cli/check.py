"""`dualstream check`: report the models of a configuration, or its errors; with `--live`, call every upstream."""

import argparse
import asyncio
import os
import sys
from pathlib import Path

from gateway.app.authentication import credential_schemes
from gateway.app.catalog import Catalog, build
from gateway.app.store import build_store
from gateway.app.tracing import check_tracing
from gateway.cli.configuration_report import price_sources, report, warnings
from gateway.cli.live_check import call_all, find_store_failure
from gateway.clock import SystemClock
from gateway.config import ConfigurationError, Settings, find_file, load, unknown_variables
from gateway.net.open_files import file_limit
from gateway.server.base_urls import sdk_base_urls, url_of
from gateway.server.fd_limit import file_warnings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command to its parser."""
    parser.description = (
        "Print the models of a configuration and their upstreams, or its errors with their lines. The exit code is 2 "
        "if the configuration can't be used, and 1 if an upstream or the store did not answer."
    )
    parser.add_argument("file", nargs="?", type=Path, metavar="FILE", help="default: the file that serve uses")
    parser.add_argument(
        "--live",
        action="store_true",
        help="request one token from each upstream, and time it; connect to the store",
    )


def run(options: argparse.Namespace) -> int:
    """Check the configuration and return the exit code."""
    file = find_file(options.file, os.environ)
    try:
        settings = load({}, os.environ, file)
        credential_schemes(settings)
        check_tracing(settings)
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return 2
    catalog = build(settings)
    print("\n".join([f"{file or 'The environment'}: valid", *report(catalog), *price_sources(catalog)]))
    print(sdk_base_urls(url_of(settings.host, settings.port)))
    unknown = [f"{name}: not a known setting" for name in unknown_variables(os.environ)]
    files = file_warnings(settings, file_limit(hard=True))
    for warning in [*warnings(settings, catalog), *files, *unknown]:
        print(f"warning: {warning}")
    return asyncio.run(_check_live(settings, catalog)) if options.live else 0


async def _check_live(settings: Settings, catalog: Catalog) -> int:
    store = build_store(settings, SystemClock())
    failure = None if store is None else await find_store_failure(store)
    if store is not None:
        print(f"store: {failure or 'it can be used'}")
    return await _call_upstreams(catalog) or int(failure is not None)


async def _call_upstreams(catalog: Catalog) -> int:
    await catalog.start()
    try:
        outcomes = await call_all(catalog)
    finally:
        await catalog.close()
    print("\n".join(map(str, outcomes)) if outcomes else "no upstream to call: the configuration names no model")
    return 1 if any(outcome.failure for outcome in outcomes) else 0
