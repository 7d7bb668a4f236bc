"""`dualstream top`: its arguments, and the choice between the live screen, one table, and JSON."""

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import aclosing, contextmanager
from typing import Final

import orjson
from rich.console import Console, RenderableType
from rich.live import Live

from gateway.cli.chat.sanitize import safe_line
from gateway.cli.top.board import Board, JsonMap, as_json
from gateway.cli.top.feed import ConsoleFeed
from gateway.cli.top.screen import render
from gateway.client.frames import ConnectionLost
from gateway.protocol.credentials import TOKEN_VARIABLE
from gateway.protocol.errors import Code, GatewayError, Refused

if sys.platform != "win32":
    import termios
    import tty

REFRESH_SECONDS: Final = 1.0
QUIT_KEYS: Final = frozenset("qQ\x1b\x03\x04")
"""Keys that quit: q, Escape, Ctrl-C, Ctrl-D."""

PLAIN_WIDTH: Final = 160
"""Columns of a table that is not printed to a terminal."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command to its parser."""
    parser.description = (
        "Show what runs on a gateway, and on those that share its store, once a second: the live part of the console. "
        f"q quits. It needs a key with the role operate, which is read from {TOKEN_VARIABLE}. If the output is not a "
        "terminal, it is printed once."
    )
    parser.add_argument("--url", default="http://127.0.0.1:8080", help="the gateway (default %(default)s)")
    parser.add_argument(
        "--key",
        metavar="KEY",
        help=f"the key or token; other users of this machine may see it: prefer {TOKEN_VARIABLE}",
    )
    parser.add_argument("--once", action="store_true", help="print it once, and exit")
    parser.add_argument("--json", action="store_true", help="print JSON: one line each second, or one with --once")


def run(options: argparse.Namespace) -> int:
    """Show what runs until the user quits, and return the exit code."""
    token = options.key or os.environ.get(TOKEN_VARIABLE)
    is_live = sys.stdout.isatty() and not (options.once or options.json)
    try:
        if is_live:
            return asyncio.run(_show(options.url, token))
        return asyncio.run(_print(options.url, token, once=options.once or not options.json, as_lines=options.json))
    except KeyboardInterrupt:
        return 130
    except ConnectionLost as lost:
        print(f"dualstream: {safe_line(str(lost))}", file=sys.stderr)
        return 1
    except GatewayError as error:
        print(f"dualstream: {_describe(error)}", file=sys.stderr)
        return 1


def _describe(error: GatewayError) -> str:
    if isinstance(error, Refused) and error.status == 404:
        return "this gateway has no /api/console/events: it is older than this command, or another server"
    if error.code in {Code.AUTH_ERROR, Code.FORBIDDEN}:
        return f"{safe_line(error.message)} (dualstream top reads the key from {TOKEN_VARIABLE})"
    return safe_line(error.message)


async def _print(url: str, token: str | None, *, once: bool, as_lines: bool) -> int:
    """Print tables or lines of JSON: one, or one each second."""
    feed, board = ConsoleFeed(url, token), Board()
    try:
        async with aclosing(feed.events()) as events:
            async for name, data in events:
                board.apply(name, data)
                if as_lines:
                    print(orjson.dumps(as_json(board, board.time)).decode(), flush=True)
                else:
                    console = Console(highlight=False, width=None if sys.stdout.isatty() else PLAIN_WIDTH)
                    console.print(render(board, str(feed.url), now=board.time, width=console.width, height=None))
                if once:
                    break
    finally:
        await feed.aclose()
    return 0


async def _show(url: str, token: str | None) -> int:
    """Show the live screen until a key quits it."""
    screen = _LiveScreen(ConsoleFeed(url, token))
    try:
        return await screen.run()
    finally:
        await screen.feed.aclose()


class _LiveScreen:
    def __init__(self, feed: ConsoleFeed) -> None:
        self.feed = feed
        self._board = Board()
        self._problem = ""
        self._received = time.monotonic()
        self._quit = asyncio.Event()

    async def run(self) -> int:
        follow = asyncio.create_task(self.feed.follow(self._on_event, self._on_problem))
        quitting = asyncio.create_task(self._quit.wait())
        console = Console(highlight=False)
        try:
            screen = Live(console=console, screen=True, auto_refresh=False, vertical_overflow="crop")
            with screen as live, _keys(self._on_key):
                while not (follow.done() or quitting.done()):
                    live.update(self._render(console), refresh=True)
                    tasks = (follow, quitting)
                    await asyncio.wait(tasks, timeout=REFRESH_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            if follow.done():
                follow.result()
            return 0
        finally:
            for task in (follow, quitting):
                task.cancel()
            await asyncio.wait([follow, quitting])

    def _render(self, console: Console) -> RenderableType:
        now = self._board.time + (time.monotonic() - self._received)
        return render(
            self._board,
            str(self.feed.url),
            now=now,
            width=console.width,
            height=console.height,
            problem=self._problem,
        )

    def _on_event(self, name: str, data: JsonMap) -> None:
        self._board.apply(name, data)
        self._received, self._problem = time.monotonic(), ""

    def _on_problem(self, problem: str) -> None:
        self._problem = problem

    def _on_key(self, key: str) -> None:
        if key in QUIT_KEYS:
            self._quit.set()


@contextmanager
def _keys(on_key: Callable[[str], None]) -> Iterator[None]:
    """Call `on_key` with each key that is pressed. Without a terminal to read from, only signals quit."""
    if sys.platform == "win32" or not sys.stdin.isatty():
        yield
        return
    descriptor, loop = sys.stdin.fileno(), asyncio.get_running_loop()
    former = termios.tcgetattr(descriptor)
    # Each key at once, and not shown.
    tty.setcbreak(descriptor)

    def read() -> None:
        for key in os.read(descriptor, 64).decode("utf-8", "replace"):
            on_key(key)

    loop.add_reader(descriptor, read)
    try:
        yield
    finally:
        loop.remove_reader(descriptor)
        termios.tcsetattr(descriptor, termios.TCSADRAIN, former)
