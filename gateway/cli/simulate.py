"""`dualstream simulate`: run the simulated provider alone."""

import argparse
import asyncio
import signal
import sys

from gateway.simulator import Simulator
from gateway.standard_streams import print_line


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command to its parser."""
    parser.description = (
        "Run a server with invented answers. It speaks the streaming formats of OpenAI (Chat Completions, Responses) "
        "and Anthropic (Messages), all below /v1, and of Google (Gemini), below /v1beta."
    )
    parser.add_argument("--host", default="127.0.0.1", help="default %(default)s")
    parser.add_argument("--port", type=int, default=9090, help="default %(default)s; 0 selects a free port")


def run(options: argparse.Namespace) -> int:
    """Run the simulator until a signal ends it, and return the exit code."""
    return asyncio.run(_serve(options.host, options.port))


async def _serve(host: str, port: int) -> int:
    simulator = Simulator(host, port)
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    try:
        await simulator.start()
    except OSError as error:
        print_line(f"dualstream: can't listen on {host}:{port}: {error.strerror}", sys.stderr)
        return 1
    print_line(f"The simulator listens on {simulator.base_url}", sys.stdout)
    await ended.wait()
    await simulator.stop()
    return 0
