"""Read a plan from standard input as JSON, carry it out, and print the tally."""

import asyncio
import json
import sys
import time

import uvloop

from tests.bench.figures import spread
from tests.bench.limits import raise_open_files
from tests.bench.load.client import Client, Notes
from tests.bench.load.eventstream import EventStreamClient
from tests.bench.load.websocket import WebSocketClient
from tests.bench.wire import Plan, Tally, document_of, plan_of

MILLISECOND = 1_000_000
TRANSPORTS: dict[str, type[Client]] = {"sse": EventStreamClient, "websocket": WebSocketClient}


def main() -> None:
    """Do what the plan says."""
    raise_open_files()
    tally = uvloop.run(carry_out(plan_of(json.load(sys.stdin))))
    json.dump(document_of(tally), sys.stdout)


async def carry_out(plan: Plan) -> Tally:
    """Let all the clients run, and give what they saw."""
    notes = Notes(plan)
    started = time.monotonic_ns()
    tasks = [asyncio.create_task(_run(plan, notes, number)) for number in range(plan.streams)]
    _, late = await asyncio.wait(tasks, timeout=plan.timeout_seconds)
    for task in late:
        task.cancel()
        notes.tally.fail("timeout")
    await asyncio.gather(*tasks, return_exceptions=True)
    for task in tasks:
        if not task.cancelled():
            task.result()
    tally = notes.tally
    tally.wall = time.monotonic_ns() - started
    tally.cpu = time.process_time_ns()
    tally.delay = {name: value / MILLISECOND for name, value in spread(notes.delays).items()}
    tally.first_token = {name: value / MILLISECOND for name, value in spread(notes.first_tokens).items()}
    return tally


async def _run(plan: Plan, notes: Notes, number: int) -> None:
    await asyncio.sleep(plan.ramp_seconds * number / plan.streams)
    await TRANSPORTS[plan.request.framing](plan, notes).run()


if __name__ == "__main__":
    main()
