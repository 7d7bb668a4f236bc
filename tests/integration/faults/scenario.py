"""What a scenario observes: a fault of several steps, as one row of the page."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field


@dataclass(slots=True)
class Scenario:
    """One fault. `client` is what clients get, `upstream` what happens there; both as text of the page."""

    kind: str
    injected: str
    client: str = ""
    upstream: str = ""
    deviations: list[str] = field(default_factory=list)
    skipped: str = ""
    """Why it could not be run on this machine."""


Run = Callable[[], Coroutine[None, None, Scenario]]
