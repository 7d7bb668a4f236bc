"""The published price of a model, by its vendor and name. Pure."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from gateway.billing.prices import Price, PriceList
from gateway.billing.published_prices import PRICE_LISTS

PREFIXES: Final[Mapping[str, tuple[str, ...]]] = {
    "openai": ("openai/",),
    "anthropic": ("anthropic/",),
    # ai.google.dev/api/models: the resource names of models begin with "models/".
    "gemini": ("models/", "google/"),
    "deepseek": ("deepseek/",),
}
"""What may stand before a model's name, by vendor."""

_VERSION: Final = re.compile(r"-(?:latest|\d{4}-\d{2}-\d{2}|\d{8}|\d{4}|\d{3})\Z", re.ASCII)
"""End of the name of a version: gpt-4o-2024-08-06, claude-sonnet-4-5-20250929, gpt-4-0613, gemini-2.5-flash-001."""


@dataclass(frozen=True, slots=True)
class PublishedPrice:
    """A price, and the list that it is from."""

    price: Price
    source: PriceList


Index = Mapping[str, Mapping[str, PublishedPrice]]


def index(lists: Iterable[PriceList]) -> Index:
    """Index price lists by vendor, then by model. Of several lists with one model, the first one counts."""
    found: dict[str, dict[str, PublishedPrice]] = {}
    for each in lists:
        models = found.setdefault(each.vendor, {})
        for model, price in each.models.items():
            models.setdefault(model, PublishedPrice(price, each))
    return found


_PUBLISHED: Final = index(PRICE_LISTS)


def published_price(vendor: str, model: str, lists: Index = _PUBLISHED) -> PublishedPrice | None:
    """Return the published price of a vendor's model, or None.

    A version such as `gpt-4o-2024-08-06` has the price of `gpt-4o`, unless it has one of its own. `gpt-4o-mini` is
    another model than `gpt-4o`: without a price of its own, it is unknown.
    """
    models = lists.get(vendor)
    if models is None:
        return None
    # The simulator's settings are appended to the model's name: `sim-gpt-4.1?speed=0`.
    name = model.partition("?")[0]
    for prefix in PREFIXES.get(vendor, ()):
        name = name.removeprefix(prefix)
    return models.get(name) or models.get(_VERSION.sub("", name))
