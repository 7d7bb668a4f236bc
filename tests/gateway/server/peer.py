"""A conversation with the server's protocols without a socket, read by read."""

from tests.fuzz.peer import Server
from tests.fuzz.servers import Notes


async def sent(*reads: bytes, answers: bool = True) -> tuple[list[object], bytes]:
    """Send these reads; return what the application received and what the client received.

    Raises:
        Exception: what was logged as an error.
    """
    notes = Notes()
    return notes.seen, await Server(notes).converse(reads, answers=answers)
