"""Logs for tests of what writes them."""

from gateway.generation.generation import Generation
from gateway.pipeline.handover import Terms
from gateway.protocol.events import Chunk
from gateway.replicas.logs.written_log import WrittenLog
from tests.start_requests import ANONYMOUS, start_request

TERMS = Terms(ANONYMOUS, "grace", 300.0)


def streaming(generation_id: str = "g_1", output_limit: int = 64 << 20) -> Generation:
    """Return a generation that streams."""
    generation = Generation(generation_id, start_request(), "r", "m", 1000.0, output_limit)
    generation.on_admitted(1000.0)
    generation.begin_attempt()
    generation.on_opened(generation.attempts[-1])
    return generation


def send(generation: Generation, *texts: str) -> None:
    """Append chunks, each in a read of its own."""
    for text in texts:
        generation.append_content([Chunk(text)], 1000.0)


def written(generation: Generation) -> WrittenLog:
    """Return the log of a generation of which nothing but its first event is stored."""
    return WrittenLog(generation, TERMS, stored=1, is_created=True)
