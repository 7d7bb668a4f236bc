"""Token prices in US dollars per million tokens, the cost of a usage, and a table of known prices. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from gateway.protocol.events import Usage

MILLION: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per million tokens.

    `cached` is the price of input tokens that the provider read from its cache, `cache_write` that of those it wrote
    there; None: the same as `input`.
    """

    input: float
    cached: float
    output: float
    cache_write: float | None = None

    def cost(self, usage: Usage) -> float | None:
        """Return the cost of a usage in US dollars; None if its number of input or output tokens is unknown."""
        if usage.input_tokens is None or usage.output_tokens is None:
            return None
        cached = min(usage.cached_input_tokens or 0, usage.input_tokens)
        written = min(usage.cache_write_tokens or 0, usage.input_tokens - cached)
        plain = usage.input_tokens - cached - written
        cache_write = self.input if self.cache_write is None else self.cache_write
        read = plain * self.input + cached * self.cached + written * cache_write
        return (read + usage.output_tokens * self.output) / MILLION


def flat(dollars: float) -> Price:
    """Build a price that is the same for all tokens."""
    return Price(dollars, dollars, dollars)


PRICED_ON: Final = "2026-11-22"
"""Date of the table below."""

KNOWN_PRICES: Final[Mapping[str, Mapping[str, Price]]] = {
    # From the price comparison that the project started with, which has one figure for all tokens of a model. These are
    # defaults: configure the prices of your contract.
    "holysheep": {
        "gpt-4.1": flat(8.00),
        "claude-3-5-sonnet": flat(15.00),
        "gemini-1.5-flash": flat(2.50),
        "deepseek-v3.2": flat(0.42),
    },
    "openai": {"gpt-4.1": flat(15.00), "gpt-4o": flat(15.00)},
    "anthropic": {"claude-3-5-sonnet": flat(15.00)},
    "gemini": {"gemini-1.5-flash": flat(2.50)},
    # The same prices for the profiles of the simulator that imitate these models.
    "simulator": {
        "sim": flat(8.00),
        "sim-instant": flat(8.00),
        "sim-gpt-4.1": flat(8.00),
        "sim-gpt-4o": flat(15.00),
        "sim-claude-3.5-sonnet": flat(15.00),
        "sim-gemini-1.5-flash": flat(2.50),
    },
}
"""Known prices by preset, then by the name of a model or its prefix before a date."""


def known_price(preset: str, model: str) -> Price | None:
    """Return the known price of a model, or None.

    A dated name such as `gpt-4o-2024-08-06` has the price of `gpt-4o`. The longest matching prefix wins.
    """
    prices = KNOWN_PRICES.get(preset, {})
    # The simulator's settings are appended to the model's name: `sim-gpt-4.1?speed=0`.
    name = model.partition("?")[0]
    if name in prices:
        return prices[name]
    # A digit after the prefix: `gpt-4o-mini` is another model than `gpt-4o`.
    prefixes = [known for known in prices if name.startswith(f"{known}-") and name[len(known) + 1 :][:1].isdigit()]
    return prices[max(prefixes, key=len)] if prefixes else None
