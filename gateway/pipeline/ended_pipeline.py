"""What stands in place of the pipeline of a generation that has ended on another gateway: nothing runs."""

from gateway.generation.generation import Generation
from gateway.protocol.commands import FeedbackRequest
from gateway.protocol.events import InterruptedBy


class EndedPipeline:
    """Passes commands to the generation, which refuses all but notes. See `Pipeline`."""

    is_queued = False
    queue_position = 0

    def __init__(self, generation: Generation) -> None:
        self.generation = generation

    def interrupt(self, by: InterruptedBy, reason: str | None, read_at: float) -> bool:
        """Return False if it was interrupted; else it is refused."""
        return self.generation.interrupt(by, reason, read_at)

    def feedback(self, feedback_id: str, request: FeedbackRequest, read_at: float) -> None:
        """Record a note."""
        self.generation.feedback(feedback_id, request, read_at)

    def delays_others(self, gone: int = 1) -> bool:
        """Return False: it waits for nothing."""
        del gone
        return False

    def surrender(self) -> None:
        """Do nothing: nothing runs."""

    def release(self) -> None:
        """Do nothing: nothing is held."""
