"""Read a plan from standard input as JSON, run it, and print the tally."""

import asyncio
import json
import sys
import time

import uvloop

from tests.bench.figures import spread
from tests.bench.load.client import Client, Recorder
from tests.bench.load.eventstream import EventStreamClient
from tests.bench.load.longpoll import LongPollClient
from tests.bench.load.websocket import WebSocketClient
from tests.bench.messages import Plan, Tally, parse_plan, to_document
from tests.bench.open_files import raise_open_files

MILLISECOND = 1_000_000
TRANSPORTS: dict[str, type[Client]] = {"sse": EventStreamClient, "websocket": WebSocketClient, "poll": LongPollClient}


def main() -> None:
    """Run the plan on standard input."""
    raise_open_files()
    tally = uvloop.run(run_plan(parse_plan(json.load(sys.stdin))))
    json.dump(to_document(tally), sys.stdout)


async def run_plan(plan: Plan) -> Tally:
    """Run all clients of a plan; return what they counted."""
    recorder = Recorder(plan)
    started = time.monotonic_ns()
    tasks = [asyncio.create_task(_run_client(plan, recorder, number)) for number in range(plan.streams)]
    _, unfinished = await asyncio.wait(tasks, timeout=plan.timeout_seconds)
    for task in unfinished:
        task.cancel()
        recorder.tally.fail("timeout")
    await asyncio.gather(*tasks, return_exceptions=True)
    for task in tasks:
        if not task.cancelled():
            task.result()
    tally = recorder.tally
    tally.wall = time.monotonic_ns() - started
    tally.cpu = time.process_time_ns()
    tally.delay = {name: value / MILLISECOND for name, value in spread(recorder.delays).items()}
    tally.first_token = {name: value / MILLISECOND for name, value in spread(recorder.first_tokens).items()}
    return tally


async def _run_client(plan: Plan, recorder: Recorder, number: int) -> None:
    await asyncio.sleep(plan.ramp_seconds * number / plan.streams)
    await TRANSPORTS[plan.request.framing](plan, recorder).run()


if __name__ == "__main__":
    main()
