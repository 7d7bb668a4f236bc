"""What interrupts saved: the tokens that an answer would still have had. An estimate, and it says so. Pure.

Nobody knows how long an answer would have become. What is known is how long those of the same model became that nobody
stopped: of the ones longer than where it was stopped, the mean is what it would have reached.
"""

from collections import deque
from dataclasses import dataclass, field

from gateway.billing.prices import Price

WINDOW = 200
"""Whole answers of a model that are looked at."""


@dataclass(slots=True)
class Savings:
    """Sums over all interrupted answers. `unknown` counts those of models of which no longer answer is known."""

    interrupts: int = 0
    unknown: int = 0
    tokens: int = 0
    cost_usd: float = 0.0
    _lengths: dict[str, deque[int]] = field(init=False, default_factory=dict)

    def completed(self, model: str, tokens: int) -> None:
        """Count an answer that came to its end, by its output tokens."""
        self._lengths.setdefault(model, deque(maxlen=WINDOW)).append(tokens)

    def interrupted(self, model: str, tokens: int, price: Price | None) -> None:
        """Count an answer that was stopped after so many output tokens."""
        self.interrupts += 1
        longer = [length for length in self._lengths.get(model, ()) if length > tokens]
        if not longer:
            self.unknown += 1
            return
        saved = round(sum(longer) / len(longer)) - tokens
        self.tokens += saved
        if price is not None:
            self.cost_usd += saved * price.output / 1_000_000

    def figures(self) -> dict[str, object]:
        """Give the sums, as `GET /api/stats` shows them."""
        return {
            "interrupts": self.interrupts,
            "unknown": self.unknown,
            "tokens_estimated": self.tokens,
            "cost_usd_estimated": round(self.cost_usd, 6),
        }
