"""Estimate of what interrupts saved: the tokens that the interrupted answers would still have had. Pure.

The length that an interrupted answer would have reached is unknown. The estimate is the mean length of recent complete
answers of the same model, of those that are longer than the interrupted one.
"""

from collections import deque
from dataclasses import dataclass, field

from gateway.billing.prices import MILLION, Price

WINDOW = 200
"""Number of recent complete answers of each model on which estimates are based."""


@dataclass(slots=True)
class Savings:
    """Totals over all interrupted answers. `unknown` counts those without a longer complete answer to estimate from."""

    interrupts: int = 0
    unknown: int = 0
    tokens: int = 0
    cost_usd: float = 0.0
    _lengths: dict[str, deque[int]] = field(init=False, default_factory=dict)

    def record_completed(self, model: str, tokens: int) -> None:
        """Record the number of output tokens of a complete answer."""
        self._lengths.setdefault(model, deque(maxlen=WINDOW)).append(tokens)

    def record_interrupted(self, model: str, tokens: int, price: Price | None) -> None:
        """Add the estimate for an answer that was interrupted after `tokens` output tokens."""
        self.interrupts += 1
        longer = [length for length in self._lengths.get(model, ()) if length > tokens]
        if not longer:
            self.unknown += 1
            return
        saved = round(sum(longer) / len(longer)) - tokens
        self.tokens += saved
        if price is not None:
            self.cost_usd += saved * price.output / MILLION

    def stats(self) -> dict[str, object]:
        """Return the totals in the form of `GET /api/stats`."""
        return {
            "interrupts": self.interrupts,
            "unknown": self.unknown,
            "tokens_estimated": self.tokens,
            "cost_usd_estimated": round(self.cost_usd, 6),
        }
