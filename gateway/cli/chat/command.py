"""`dualstream chat`: its arguments, and the choice between the screen and plain text."""

import argparse
import asyncio
import os
import sys

from gateway.cli.chat.plain import chat_plainly
from gateway.cli.chat.settings import ChatSettings
from gateway.protocol.credentials import TOKEN_VARIABLE


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command to its parser."""
    parser.description = (
        "Chat with a running gateway. Ctrl-C interrupts; a line entered while it streams is feedback. "
        f"A key or token is read from {TOKEN_VARIABLE}."
    )
    parser.add_argument("prompt", nargs="?", help="one question; without it, a conversation")
    parser.add_argument("--url", default="http://127.0.0.1:8080", help="the gateway (default %(default)s)")
    parser.add_argument("--transport", choices=["sse", "ws", "poll"], default="sse", help="default %(default)s")
    parser.add_argument("--model", help="default: the gateway's own")
    parser.add_argument("--system", help="a system message")


def run(options: argparse.Namespace) -> int:
    """Chat until the user leaves, and return the exit code."""
    settings = ChatSettings(
        url=options.url,
        transport=options.transport,
        model=options.model,
        system=options.system,
        prompt=options.prompt,
        token=os.environ.get(TOKEN_VARIABLE),
    )
    return asyncio.run(_chat(settings))


async def _chat(settings: ChatSettings) -> int:
    """Run a chat until the user quits. Return the exit code: 0, 1 after an error, 130 after an interrupt."""
    if settings.prompt is None and sys.stdin.isatty() and sys.stdout.isatty():
        # Only in a terminal: the library of the screen is the larger half of what a chat loads.
        from gateway.cli.chat.screen import chat_on_screen  # noqa: PLC0415

        return await chat_on_screen(settings)
    return await chat_plainly(settings, sys.stdin, sys.stdout, sys.stderr)
