"""Token prices in US dollars per million tokens, and the cost of a usage. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from gateway.protocol.events import Usage

MILLION: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per million tokens.

    `cached` is the price of input tokens that the provider read from its cache, `cache_write` that of those it wrote
    there, `cache_write_1h` that of those it keeps for an hour; None: the same as the price before it.
    """

    input: float
    cached: float
    output: float
    cache_write: float | None = None
    cache_write_1h: float | None = None
    long: "LongPrompt | None" = None
    """The price of calls with a long prompt, if they have another one."""

    def for_prompt(self, input_tokens: int) -> "Price":
        """Return the price of a call with this number of input tokens, cached ones included."""
        return self.long.price if self.long is not None and input_tokens > self.long.above else self

    def cost(self, usage: Usage) -> float | None:
        """Return the cost of a usage in US dollars; None if its number of input or output tokens is unknown."""
        if usage.input_tokens is None or usage.output_tokens is None:
            return None
        price = self.for_prompt(usage.input_tokens)
        return (price.cost_of_input(usage, usage.input_tokens) + usage.output_tokens * price.output) / MILLION

    def cost_of_input(self, usage: Usage, total: int) -> float:
        """Return the cost of all input tokens, of which there are `total`, in millionths of a dollar."""
        cached = min(usage.cached_input_tokens or 0, total)
        written = min(usage.cache_write_tokens or 0, total - cached)
        hour = min(usage.cache_write_1h_tokens or 0, written)
        cache_write = self.input if self.cache_write is None else self.cache_write
        cache_write_1h = cache_write if self.cache_write_1h is None else self.cache_write_1h
        plain = total - cached - written
        return plain * self.input + cached * self.cached + (written - hour) * cache_write + hour * cache_write_1h


@dataclass(frozen=True, slots=True)
class LongPrompt:
    """The price of all tokens of a call whose prompt has more than `above` tokens."""

    above: int
    price: Price


@dataclass(frozen=True, slots=True)
class PriceList:
    """The prices that a `vendor` has published, by model. `source` names its document, `date` is YYYY-MM-DD.

    `note` says which prices they are, where the vendor has several for one model.
    """

    vendor: str
    source: str
    date: str
    models: Mapping[str, Price]
    note: str = ""


def flat(dollars: float) -> Price:
    """Build a price that is the same for all tokens."""
    return Price(dollars, dollars, dollars)
