"""An observer that records what it is told."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.generation.attempt import Attempt
from gateway.generation.generation import Generation
from gateway.generation.source import StartSource
from gateway.protocol.errors import Failed, Refused
from gateway.security.principals import Principal
from gateway.telemetry.observer import Observer
from gateway.telemetry.summary import GenerationSummary


@dataclass
class RecordingObserver(Observer):
    """Records calls as strings in `calls`, and summaries in `ended`; `headers` are those of each attempt."""

    headers: Mapping[str, str] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    ended: list[GenerationSummary] = field(default_factory=list)

    def on_start(self, generation: Generation, principal: Principal) -> None:
        self.calls.append(f"start {generation.model} {generation.source.transport}".strip())

    def on_refused(self, refused: Refused, principal: Principal, source: StartSource) -> None:
        self.calls.append(f"refused {refused.code} {source.transport}".strip())

    def on_attempt(self, generation: Generation, attempt: Attempt) -> Mapping[str, str]:
        self.calls.append(f"attempt {attempt.number} {attempt.provider}")
        return self.headers

    def on_attempt_end(self, generation: Generation, attempt: Attempt) -> None:
        self.calls.append(f"attempt {attempt.number} {attempt.ended}")

    def on_retry(self, generation: Generation, failure: Failed, provider: str, following: str) -> None:
        self.calls.append(f"{provider} failed with {failure.code}: {following} follows")

    def on_viewer(self, generation_id: str, transport: str, *, resumed: bool) -> None:
        self.calls.append(f"viewer {transport}{' resumed' if resumed else ''}")

    def on_viewer_left(self, generation_id: str, transport: str) -> None:
        self.calls.append(f"viewer left {transport}")

    def on_end(self, summary: GenerationSummary) -> None:
        self.calls.append(f"end {summary.end}")
        self.ended.append(summary)

    def on_surrendered(self, generation: Generation) -> None:
        self.calls.append("surrendered")
