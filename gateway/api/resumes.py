"""Count clients that come back by position and are refused. Those that read on are counted as viewers."""

from collections.abc import Iterator
from contextlib import contextmanager

from gateway.api.services import Services
from gateway.protocol.errors import Code, Refused


@contextmanager
def counted_resume(services: Services, transport: str, *, is_resume: bool) -> Iterator[None]:
    """Count a refusal of what is done inside, if it resumes a generation."""
    try:
        yield
    except Refused as refused:
        if is_resume:
            is_lost = refused.code is Code.GENERATION_LOST
            services.hub.observers.on_not_resumed(transport, "lost" if is_lost else "refused")
        raise
