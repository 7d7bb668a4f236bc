"""What tokens cost: a price in US dollars per million tokens, what a call used at it, and the prices we know. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from gateway.protocol.events import Usage

MILLION: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per million tokens. `cached` is for the part of the input that the provider had in its cache."""

    input: float
    cached: float
    output: float

    def cost(self, usage: Usage) -> float | None:
        """Give the US dollars of a usage; None if it does not tell how many tokens there were."""
        if usage.input_tokens is None or usage.output_tokens is None:
            return None
        cached = min(usage.cached_input_tokens or 0, usage.input_tokens)
        fresh = usage.input_tokens - cached
        return (fresh * self.input + cached * self.cached + usage.output_tokens * self.output) / MILLION


def flat(dollars: float) -> Price:
    """Make a price that is the same for all tokens."""
    return Price(dollars, dollars, dollars)


PRICED_ON: Final = "2026-11-22"
"""The day on which the table below was written down."""

KNOWN: Final[Mapping[str, Mapping[str, Price]]] = {
    # As the comparison lists them that this project started from, one figure for all tokens: a beginning, to be
    # overridden by what a contract says.
    "holysheep": {
        "gpt-4.1": flat(8.00),
        "claude-3-5-sonnet": flat(15.00),
        "gemini-1.5-flash": flat(2.50),
        "deepseek-v3.2": flat(0.42),
    },
    "openai": {"gpt-4.1": flat(15.00), "gpt-4o": flat(15.00)},
    "anthropic": {"claude-3-5-sonnet": flat(15.00)},
    "gemini": {"gemini-1.5-flash": flat(2.50)},
    # The same, for the profiles of the simulator that act as these.
    "simulator": {
        "sim": flat(8.00),
        "sim-instant": flat(8.00),
        "sim-gpt-4.1": flat(8.00),
        "sim-gpt-4o": flat(15.00),
        "sim-claude-3.5-sonnet": flat(15.00),
        "sim-gemini-1.5-flash": flat(2.50),
    },
}
"""By the name of a preset, then by the name of a model there or what it begins with."""


def known_price(preset: str, model: str) -> Price | None:
    """Look a price up; a dated name such as `gpt-4o-2024-08-06` has that of what it begins with, the longest match."""
    prices = KNOWN.get(preset, {})
    # The simulator's settings ride on the name.
    plain = model.partition("?")[0]
    if plain in prices:
        return prices[plain]
    dated = [name for name in prices if plain.startswith(f"{name}-") and plain[len(name) + 1 :][:1].isdigit()]
    return prices[max(dated, key=len)] if dated else None
