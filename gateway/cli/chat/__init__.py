"""`dualstream chat`: talk with a gateway in the terminal, on either transport.

In a real terminal it is a screen (`screen`); with a prompt given, in pipes and elsewhere it is plain text (`plain`).
Both drive the same `talk`, and show what the pure parts `turn`, `words`, `lines` and `safe` make of it.
"""

import sys

from gateway.cli.chat.plain import chat_plainly
from gateway.cli.chat.screen import chat_on_screen
from gateway.cli.chat.settings import ChatSettings

__all__ = ["ChatSettings", "chat"]


async def chat(settings: ChatSettings) -> int:
    """Talk until the user leaves, and give the exit code: 0, 1 after an error, 130 after an interrupt."""
    if settings.prompt is None and sys.stdin.isatty() and sys.stdout.isatty():
        return await chat_on_screen(settings)
    return await chat_plainly(settings, sys.stdin, sys.stdout, sys.stderr)
