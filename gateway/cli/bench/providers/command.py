"""The command `dualstream bench providers`."""

import argparse
import sys
from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from anyio import CancelScope

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
from gateway.cli.bench.providers.measure import FineClock, measure
from gateway.cli.bench.providers.plan import PROMPTS, Plan, Subject, find, subjects
from gateway.cli.bench.providers.report.data import to_csv, to_json
from gateway.cli.bench.providers.report.page import page
from gateway.cli.bench.providers.report.terminal import show
from gateway.cli.bench.providers.results import Results, build_results
from gateway.cli.bench.providers.sample import Sample
from gateway.cli.bench.terminal import console, progress
from gateway.routing.model import Model

WRITERS: Final[Writers[Results]] = {"json": to_json, "csv": to_csv, "html": page}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.description = (
        "Send the same requests to each configured model, and compare time to first token, speed, cost and errors. The "
        "requests are real and cost money; without a configuration, the built-in simulator answers them as four "
        "providers. Ctrl-C ends the run and reports what was measured so far. The exit code is 1 if every request to "
        "some target failed, and 2 if the options are invalid."
    )
    add = parser.add_argument
    add(
        "--models",
        type=names,
        default=[],
        metavar="A,B",
        help="measure only these models (default: all configured models)",
    )
    add("--requests", type=count, default=20, metavar="N", help="requests per target (default %(default)s)")
    add("--concurrency", type=count, default=4, metavar="C", help="concurrent requests (default %(default)s)")
    add("--max-tokens", type=count, default=160, metavar="N", help="maximum tokens of an answer (default %(default)s)")
    add("--prompt", metavar="TEXT", help="prompt to send (default: five prompts that ask for prose)")
    add("--timeout", type=seconds, default=60.0, metavar="SECONDS", help="timeout of one request (default %(default)g)")
    add("--warm-up", action="store_true", help="first send one uncounted request to each target")
    add(
        "--daily-tokens",
        type=count,
        default=100_000,
        metavar="N",
        help="tokens per day for the cost of a month (default %(default)s)",
    )
    add(
        "--baseline",
        metavar="TARGET",
        help="target that savings are compared to, as provider/model (default: the most expensive)",
    )
    add_file_options(parser, *WRITERS)


async def run(models: Sequence[Model], options: argparse.Namespace, default_names: Sequence[str] = ()) -> int:
    """Measure the models and report the results. `default_names`: the models to measure if no option names any.

    Return the exit code: 0; 1 if every request to some target failed; 2 if the options are invalid; 130 after Ctrl-C.
    """
    try:
        check_files(options, WRITERS)
        plan = _build_plan(models, options, default_names)
        baseline = None if options.baseline is None else find(plan.subjects, options.baseline).label
    except BadPlanError as error:
        print(f"dualstream: {error}", file=sys.stderr)
        return 2
    scope = CancelScope()
    # A second Ctrl-C, while the report is written, must not lose results that were paid for.
    with interruptible(scope.cancel):
        samples = await _measure(plan, scope)
        info = run_info(interrupted=scope.cancelled_caught)
        results = build_results(plan, samples, options.daily_tokens, baseline, info)
        # A file on standard output is for a program to read, so the tables must not be there too.
        show(console(stderr=writes_to_stdout(options, WRITERS)), results)
        written = write_files(results, options, WRITERS)
    if not written:
        return 2
    return 130 if results.interrupted else int(results.broken)


def _build_plan(models: Sequence[Model], options: argparse.Namespace, default_names: Sequence[str]) -> Plan:
    return Plan(
        subjects(models, options.models or default_names),
        options.requests,
        options.concurrency,
        options.max_tokens,
        PROMPTS if options.prompt is None else (options.prompt,),
        options.timeout,
        warm_up=options.warm_up,
    )


async def _measure(plan: Plan, scope: CancelScope) -> dict[str, list[Sample]]:
    """Measure until the plan is done or the scope is cancelled; return the samples by label."""
    samples: dict[str, list[Sample]] = defaultdict(list)
    with progress(console(stderr=True), plan.total) as show_progress, scope:

        def report(subject: Subject, sample: Sample) -> None:
            samples[subject.label].append(sample)
            show_progress(subject.label, sample.failure is not None)

        await measure(plan, FineClock(), report)
    return samples
