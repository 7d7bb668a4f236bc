"""What is set for one principal in place of what is set for all. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OwnLimits:
    """A principal's own limits. None: as set for all; 0: no limit. The budget is US dollars for each UTC day."""

    rate_limit_per_minute: int | None = None
    rate_limit_burst: int | None = None
    output_tokens_per_minute: int | None = None
    max_concurrent: int | None = None
    budget_per_day: float | None = None
    max_streams: int | None = None


NO_OWN_LIMITS = OwnLimits()
