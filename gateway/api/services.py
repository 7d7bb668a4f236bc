"""Dependencies of the API and the transports."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gateway.admission.command_rate import CommandRate
from gateway.admission.streams import Streams
from gateway.api.model_api.responses.lookup import Lookup
from gateway.api.model_api.responses.store import ResponseStore
from gateway.clock import Clock
from gateway.dialects.base import Dialect
from gateway.log_throttle import KeyedLogThrottle
from gateway.pipeline.hub import Hub
from gateway.protocol.commands import OnDisconnect
from gateway.replicas.generations import Generations
from gateway.security.authenticator import Authenticator
from gateway.security.origins import Origins
from gateway.telemetry.activity import Activity
from gateway.telemetry.metrics.metrics import Metrics
from gateway.telemetry.viewer_figures import ViewerFigures

if TYPE_CHECKING:
    from gateway.api.model_api.responses.shared import SharedResponses


@dataclass(frozen=True, slots=True)
class Services:
    """The parts of the gateway that routes use. Times are seconds, sizes are bytes."""

    hub: Hub
    """What is of this process alone: its viewers, prompts, models and statistics."""
    generations: Generations
    clock: Clock
    heartbeat: float = 15.0
    viewer_timeout: float = 30.0
    coalesce_ms: int = 0
    """For how long text is joined for a viewer, unless it or the start says otherwise, in milliseconds."""
    poll_wait: float = 25.0
    poll_interval: float = 0.05
    poll_lease: float = 10.0
    max_body_bytes: int = 16 << 20
    max_generations_per_socket: int = 100
    origins: Origins = field(default_factory=Origins)
    authenticator: Authenticator = field(default_factory=Authenticator)
    cookie: str | None = None
    """Name of the cookie that may carry a key or token; None if none is configured."""
    streams: Streams = field(default_factory=Streams)
    commands: CommandRate = field(default_factory=CommandRate)
    dialects: Sequence[Dialect] = ()
    """APIs of providers that are spoken to clients; the first that owns a path refuses what comes there."""
    model_api_on_disconnect: OnDisconnect = "cancel"
    responses: ResponseStore = field(default_factory=ResponseStore)
    """Stored responses of OpenAI's Responses API."""
    shared_responses: "SharedResponses | None" = None
    """Those of all gateways; None without a store."""
    responses_websocket: bool = True
    activity: Activity = field(default_factory=Activity)
    """What the console shows of the past."""
    metrics: Metrics = field(default_factory=Metrics)
    metrics_key: str | None = None
    """What lets a client read the metrics without any other right; None if none is configured."""
    viewers: ViewerFigures = field(default_factory=ViewerFigures)
    foreign_pages: KeyedLogThrottle = field(default_factory=KeyedLogThrottle)
    """Throttle for messages about pages that were refused, by origin."""

    @property
    def stored_responses(self) -> Lookup:
        """Return what finds a stored response, on any gateway."""
        return Lookup(self.responses, self.shared_responses)
