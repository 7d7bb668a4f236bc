"""One upstream call as it is billed: what was sent, what came, what it used and cost. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from pydantic import JsonValue

from gateway.billing.prices import Price
from gateway.billing.usage import estimate_output
from gateway.generation.attempt_times import AttemptTimes
from gateway.protocol.events import Usage

_NO_FACTS: Final[Mapping[str, JsonValue]] = {}


@dataclass(slots=True, eq=False)
class Attempt:
    """One upstream call and its outcome. `text_bytes` includes reasoning and tool calls: they are billed too.

    `prompt_tokens` is an estimate. The prompt itself is not kept: it may be large, and is needed only to make the call.
    `ended` is `answered`, `lost` (a race), `cancelled`, or the code of a failure; None while it runs.
    """

    number: int
    revision: int
    prompt_tokens: int
    provider: str = ""
    upstream_model: str = ""
    price: Price | None = None
    continues: bool = False
    """The call was sent the text of an attempt that died, to continue it."""
    text_bytes: int = 0
    usage: Usage | None = None
    usage_final: bool = False
    finish_reason: str | None = None
    response: Mapping[str, JsonValue] = field(default_factory=lambda: _NO_FACTS)
    """What the provider says of its response."""
    opened: bool = False
    refused: bool = False
    ended: str | None = None
    vendor: str = ""
    """The vendor whose models the provider serves (`Target.vendor`)."""
    times: AttemptTimes = field(default_factory=AttemptTimes)

    def used(self) -> Usage | None:
        """Return what it used; None if the provider did not accept the call.

        A call that was cancelled before its answer began may have been accepted: its prompt is counted. Figures that
        came before the provider's end mark are outdated: they are a minimum, not exact.
        """
        usage = self.usage
        if self.refused:
            return usage
        # The provider's figures count if they are final and can be true: some servers send zeros for all.
        if (
            usage is not None
            and self.usage_final
            and (usage.output_tokens or (usage.input_tokens and not (usage.output_tokens == 0 and self.text_bytes)))
        ):
            return usage
        return self._estimated()

    def charge_for(self, cost: float | None) -> float:
        """Return what a budget is charged in US dollars: its `cost`, or an estimate of it; 0 without a price."""
        if cost is None and self.price is not None:
            cost = self.price.cost(self._estimated())
        return cost or 0.0

    def _estimated(self) -> Usage:
        """Return the usage, estimated where the provider reported nothing, or less than came."""
        reported = self.usage
        if reported is None:
            return Usage(self.prompt_tokens, estimate_output(self.text_bytes), "estimated")
        return Usage(
            self.prompt_tokens if reported.input_tokens is None else reported.input_tokens,
            max(reported.output_tokens or 0, estimate_output(self.text_bytes)),
            "estimated",
            reported.cached_input_tokens,
            reported.reasoning_tokens,
            reported.cache_write_tokens,
            reported.cache_write_1h_tokens,
        )

    def cost(self) -> float | None:
        """Return the cost so far in US dollars; None if the price or the tokens are unknown."""
        return self.cost_of(self.used())

    def cost_of(self, used: Usage | None) -> float | None:
        """Return the cost of what `used` has returned."""
        if used is None:
            return 0.0
        return None if self.price is None else self.price.cost(used)

    def shifted(self, seconds: float) -> "Attempt":
        """Return the same attempt with its times on a clock that is so many seconds ahead."""
        return replace(self, times=self.times.shifted(seconds))

    def set_usage(self, usage: Usage, *, final: bool) -> None:
        """Store the provider's own figures; `final` if they came with its end mark or after it."""
        self.usage, self.usage_final = usage, final
