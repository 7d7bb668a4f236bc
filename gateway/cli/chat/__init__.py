"""`dualstream chat`: a conversation with a gateway in the terminal, over either transport.

In a terminal it is a full screen (`screen`); with a prompt as its argument, in pipes and elsewhere it is plain text
(`plain`). Both drive the same `session`, and render it with the pure modules `turn`, `messages`, `transcript` and
`sanitize`.
"""

import sys

from gateway.cli.chat.plain import chat_plainly
from gateway.cli.chat.screen import chat_on_screen
from gateway.cli.chat.settings import ChatSettings

__all__ = ["ChatSettings", "chat"]


async def chat(settings: ChatSettings) -> int:
    """Run a chat until the user quits. Return the exit code: 0, 1 after an error, 130 after an interrupt."""
    if settings.prompt is None and sys.stdin.isatty() and sys.stdout.isatty():
        return await chat_on_screen(settings)
    return await chat_plainly(settings, sys.stdin, sys.stdout, sys.stderr)
