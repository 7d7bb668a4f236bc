"""`dualstream bench transports`: SSE against WebSocket on the user's own machine and network."""

import argparse
import asyncio
import os
import platform
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from anyio import CancelScope
from yarl import URL

from gateway.cli.bench.output import (
    BadPlanError,
    Writers,
    add_file_options,
    check_files,
    count,
    interruptible,
    names,
    run_info,
    seconds,
    write_files,
    writes_to_stdout,
)
from gateway.cli.bench.terminal import console, progress
from gateway.cli.bench.transports.measure import Bench, Measurements, NoAnswerError
from gateway.cli.bench.transports.own_gateway import OwnGateway, StartError, own_gateway
from gateway.cli.bench.transports.plan import SIMULATED, Plan
from gateway.cli.bench.transports.report.data import to_json
from gateway.cli.bench.transports.report.page import page
from gateway.cli.bench.transports.report.terminal import show
from gateway.cli.bench.transports.results import TITLES, Machine, Results, build_results
from gateway.cli.bench.transports.sample import Failure, Sample
from gateway.client import AsyncClient, TransportName
from gateway.client.client import CONNECTORS
from gateway.client.http_session import HttpSettings, basic_authorization
from gateway.protocol.credentials import TOKEN_VARIABLE
from gateway.protocol.errors import Refused

WRITERS: Final[Writers[Results]] = {"json": to_json, "html": page}
CONNECT_SECONDS: Final = 10.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command to its parser."""
    parser.description = (
        "Read the same answers over SSE and over WebSocket in turns, and compare the delay of each chunk, the time to "
        "the first token, bytes, CPU, and the times to reconnect and to stop. Without --url, it starts a gateway with "
        "a simulated provider on this machine. Ctrl-C ends the run and reports what was measured so far. The exit code "
        "is 1 if every answer of some transport failed, and 2 if the options are invalid or no gateway started."
    )
    add = parser.add_argument
    add("--url", metavar="URL", help="a running gateway (default: start one)")
    add("--key", metavar="KEY", help=f"key or token of that gateway; better in the variable {TOKEN_VARIABLE}")
    add(
        "--model",
        metavar="NAME",
        help=f"model to ask (default: {SIMULATED}). A simulated one costs nothing, and tells when it sent each chunk; "
        "the requests to any other are real, and cost money",
    )
    add(
        "--transports",
        type=names,
        default=["sse", "ws"],
        metavar="A,B",
        help=f"of: {', '.join(CONNECTORS)} (default sse,ws); the others are compared with the first",
    )
    add("--runs", type=count, default=10, metavar="N", help="rounds (default %(default)s); fewer than 8 prove nothing")
    add("--concurrency", type=count, default=4, metavar="C", help="answers at once in a turn (default %(default)s)")
    add("--timeout", type=seconds, default=60.0, metavar="SECONDS", help="timeout of one answer (default %(default)g)")
    add_file_options(parser, *WRITERS)


def run(options: argparse.Namespace) -> int:
    """Run the benchmark and return the exit code."""
    try:
        check_files(options, WRITERS)
        plan = build_plan(options)
        token = options.key or os.environ.get(TOKEN_VARIABLE)
        if options.url is not None:
            # The client's own checks of the address and the key.
            AsyncClient(options.url, token=token)
    except BadPlanError as error:
        return _fail(str(error))
    except Refused as refused:
        return _fail(refused.message)
    return asyncio.run(_run(options, plan, token))


def build_plan(options: argparse.Namespace) -> Plan:
    """Build the plan that the options describe.

    Raises:
        BadPlanError: a transport is unknown or named twice.
    """
    transports: list[TransportName] = []
    for name in options.transports:
        known = next((each for each in CONNECTORS if each == name), None)
        if known is None or known in transports:
            reason = "is named twice" if known is not None else f"is unknown; use some of: {', '.join(CONNECTORS)}"
            message = f"--transports: {name!r} {reason}"
            raise BadPlanError(message)
        transports.append(known)
    model = SIMULATED if options.model is None else options.model
    return Plan(transports, options.runs, options.concurrency, model, timeout=options.timeout)


async def _run(options: argparse.Namespace, plan: Plan, token: str | None) -> int:
    scope = CancelScope()
    load = [_load()]
    measured = Measurements()
    with interruptible(scope.cancel):
        try:
            async with _gateway(options.url) as gateway:
                settings = _settings(gateway.url, token, plan.timeout)
                await _measure(Bench(plan, settings, gateway.pid or None), measured, scope)
        except StartError as error:
            return _fail(str(error))
        except NoAnswerError as error:
            print(f"dualstream: {settings.url} gave no answer: {error}", file=sys.stderr)
            return 1
        system = platform.platform(terse=True)
        machine = Machine(str(settings.url), options.url is None, system, os.cpu_count(), [*load, _load()])
        info = run_info(interrupted=scope.cancelled_caught)
        results = build_results(plan, measured.samples, measured.cpu, info, machine)
        show(console(stderr=writes_to_stdout(options, WRITERS)), results)
        written = write_files(results, options, WRITERS)
    if not written:
        return 2
    return 130 if info.interrupted else int(results.broken)


def _settings(url: str, token: str | None, timeout: float) -> HttpSettings:
    """Return how to reach a gateway. Its address is reported, so the user and password of it are in a header alone."""
    address = URL(url if "://" in url else f"http://{url}")
    headers = basic_authorization(address)
    return HttpSettings(AsyncClient(url).url, token, headers, CONNECT_SECONDS, timeout, None)


async def _measure(bench: Bench, measured: Measurements, scope: CancelScope) -> None:
    with progress(console(stderr=True), bench.plan.total) as show_progress, scope:

        def report(sample: Sample) -> None:
            show_progress(f"{TITLES[sample.transport]}, round {sample.round + 1}", isinstance(sample.outcome, Failure))

        await bench.run(measured, report)


@asynccontextmanager
async def _gateway(url: str | None) -> AsyncIterator[OwnGateway]:
    """Yield the gateway of the address, or one that is started for this run. `pid` 0: not known."""
    if url is not None:
        yield OwnGateway(url, 0)
        return
    async with own_gateway() as gateway:
        yield gateway


def _load() -> float | None:
    """Return the load of the last minute; None where the system does not tell."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


def _fail(message: str) -> int:
    print(f"dualstream: {message}", file=sys.stderr)
    return 2
