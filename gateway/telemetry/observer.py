"""What observes generations: the log, metrics and traces are observers."""

from collections.abc import Mapping
from typing import Final, Literal

from gateway.generation.attempt import Attempt
from gateway.generation.generation import Generation
from gateway.generation.source import StartSource
from gateway.protocol.errors import Failed, Refused
from gateway.security.principals import Principal
from gateway.telemetry.metrics.chunk_times import ChunkTimes
from gateway.telemetry.summary import GenerationSummary

ResumeOutcome = Literal["ended", "lost", "refused"]
"""Why a client that came back reads nothing: nothing follows; the generation is not known any more; another refusal."""


class Observer:
    """Receives what happens to the generations of this process. Each method does nothing unless it is overridden.

    The methods are called in the event loop, at moments of a generation and never for a chunk. They must not wait, and
    must not raise.
    """

    def on_start(self, generation: Generation, principal: Principal) -> None:
        """Handle a generation that was started here, or that this gateway continues."""

    def on_refused(self, refused: Refused, principal: Principal, source: StartSource) -> None:
        """Handle a start that was refused."""

    def on_attempt(self, generation: Generation, attempt: Attempt) -> Mapping[str, str]:
        """Handle a call that is about to be made; return headers for its request."""
        return {}

    def chunk_times(self, generation: Generation, attempt: Attempt) -> ChunkTimes | None:
        """Return what measures the chunks of a call, which begin now; None if nothing here does.

        It alone is called for each chunk.
        """
        return None

    def on_attempt_end(self, generation: Generation, attempt: Attempt) -> None:
        """Handle the end of a call: its connection is closed, or was never opened."""

    def on_retry(self, generation: Generation, failure: Failed, provider: str, following: str) -> None:
        """Handle a failure of a provider after which `following` is called: another one, or the same."""

    def on_feedback(self, generation: Generation, mode: str) -> None:
        """Handle feedback that was taken."""

    def on_viewer(self, generation_id: str, transport: str, *, resumed: bool) -> None:
        """Handle a viewer that has come; `resumed`: it has read a part before."""

    def on_viewer_left(self, generation_id: str, transport: str) -> None:
        """Handle a viewer that has left."""

    def on_not_resumed(self, transport: str, outcome: ResumeOutcome) -> None:
        """Handle a client that came back by position and reads nothing."""

    def on_end(self, summary: GenerationSummary) -> None:
        """Handle the end of a generation."""

    def on_surrendered(self, generation: Generation) -> None:
        """Handle a generation that another gateway has taken over: here it does not end."""


_METHODS: Final = tuple(name for name in vars(Observer) if not name.startswith("_"))

UNOBSERVED: Final = Observer()
"""The observer of what is not observed."""


class Observers(Observer):
    """Passes on to several observers, in their order: to those that override a method."""

    def __init__(self) -> None:
        self._observers: Mapping[str, list[Observer]] = {name: [] for name in _METHODS}
        """By the name of the method."""

    def add(self, observer: Observer) -> None:
        """Add an observer, behind those before it."""
        for name, observers in self._observers.items():
            if getattr(type(observer), name) is not getattr(Observer, name):
                observers.append(observer)

    def on_start(self, generation: Generation, principal: Principal) -> None:
        """Pass on a start."""
        for observer in self._observers["on_start"]:
            observer.on_start(generation, principal)

    def on_refused(self, refused: Refused, principal: Principal, source: StartSource) -> None:
        """Pass on a refusal."""
        for observer in self._observers["on_refused"]:
            observer.on_refused(refused, principal, source)

    def on_attempt(self, generation: Generation, attempt: Attempt) -> Mapping[str, str]:
        """Pass on a call; return the headers of all observers."""
        headers: dict[str, str] = {}
        for observer in self._observers["on_attempt"]:
            headers |= observer.on_attempt(generation, attempt)
        return headers

    def chunk_times(self, generation: Generation, attempt: Attempt) -> ChunkTimes | None:
        """Return what the first observer that measures chunks returns."""
        for observer in self._observers["chunk_times"]:
            times = observer.chunk_times(generation, attempt)
            if times is not None:
                return times
        return None

    def on_attempt_end(self, generation: Generation, attempt: Attempt) -> None:
        """Pass on the end of a call."""
        for observer in self._observers["on_attempt_end"]:
            observer.on_attempt_end(generation, attempt)

    def on_retry(self, generation: Generation, failure: Failed, provider: str, following: str) -> None:
        """Pass on a failure after which another call follows."""
        for observer in self._observers["on_retry"]:
            observer.on_retry(generation, failure, provider, following)

    def on_feedback(self, generation: Generation, mode: str) -> None:
        """Pass on feedback."""
        for observer in self._observers["on_feedback"]:
            observer.on_feedback(generation, mode)

    def on_viewer(self, generation_id: str, transport: str, *, resumed: bool) -> None:
        """Pass on a viewer that has come."""
        for observer in self._observers["on_viewer"]:
            observer.on_viewer(generation_id, transport, resumed=resumed)

    def on_viewer_left(self, generation_id: str, transport: str) -> None:
        """Pass on a viewer that has left."""
        for observer in self._observers["on_viewer_left"]:
            observer.on_viewer_left(generation_id, transport)

    def on_not_resumed(self, transport: str, outcome: ResumeOutcome) -> None:
        """Pass on a client that came back and reads nothing."""
        for observer in self._observers["on_not_resumed"]:
            observer.on_not_resumed(transport, outcome)

    def on_end(self, summary: GenerationSummary) -> None:
        """Pass on an end."""
        for observer in self._observers["on_end"]:
            observer.on_end(summary)

    def on_surrendered(self, generation: Generation) -> None:
        """Pass on a generation that another gateway has taken over."""
        for observer in self._observers["on_surrendered"]:
            observer.on_surrendered(generation)
