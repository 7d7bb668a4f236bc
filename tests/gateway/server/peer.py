"""A conversation with the server's protocols without a socket, read by read."""

from tests.fuzz.peer import Server
from tests.fuzz.servers import Recorder


async def sent(*reads: bytes, wait: bool = True) -> tuple[list[object], bytes]:
    """Send these reads; return what the application received and what the client received.

    Raises:
        Exception: what was logged as an error.
    """
    recorder = Recorder()
    return recorder.received, await Server(recorder).converse(reads, wait=wait)
