"""Report on a configuration before it is used: its models and their upstreams, and what may be a mistake in it."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from gateway.app.catalog import WIRE_FORMATS, Catalog
from gateway.billing.price_lookup import PublishedPrice
from gateway.billing.prices import Price, PriceList
from gateway.config import Settings
from gateway.config.providers import Provider
from gateway.net.addresses import is_loopback_host
from gateway.protocol.commands import Message, StartRequest
from gateway.protocol.errors import UnsupportedOption
from gateway.routing.model import Model
from gateway.routing.target import Target
from gateway.upstreams.base import UpstreamRequest


def report(catalog: Catalog) -> list[str]:
    """Return the lines that list each model with its upstreams."""
    models = catalog.models
    if not models.by_name:
        providers = catalog.providers.values()
        return ["any model", *(f"  {provider.name}: {_format_provider(provider)}" for provider in providers)]
    lines = []
    for name, model in models.by_name.items():
        aliases = [f"alias {alias}" for alias, aliased in models.aliases.items() if aliased == name]
        default = ["default"] if models.aliases.get(models.default or "", models.default) == name else []
        lines.append(", ".join([name, *default, *aliases, *_format_policy(model), *_format_defaults(model)]))
        lines += [f"  {_format_target(model, target, catalog.providers[target.name])}" for target in model.targets]
    return lines


def price_sources(catalog: Catalog) -> list[str]:
    """Return a line for each list that the price of a model is from."""
    published = [
        found
        for model in catalog.models.by_name.values()
        for target in model.targets
        if (found := _published_price(model, target)) is not None
    ]
    lists = {id(each.source): each.source for each in published}.values()
    return [
        f"{_kind(each)} prices, {each.vendor} {each.date}: {'; '.join(filter(None, (each.source, each.note)))}"
        for each in lists
    ]


def _kind(prices: PriceList) -> str:
    return "invented" if prices.vendor == "simulator" else "published"


def _published_price(model: Model, target: Target) -> PublishedPrice | None:
    """Return the published price of an upstream; None if its own is configured, or none is known."""
    return target.published_price(model.name) if target.price is None else None


def _format_policy(model: Model) -> list[str]:
    policy = model.policy
    parts: list[str] = []
    if len(model.targets) > 1:
        parts.append(policy.routing)
    if policy.hedge is not None:
        parts.append(f"hedged after {policy.hedge if policy.hedge == 'p95' else f'{policy.hedge:g} s'}")
    if policy.failover:
        parts.append("with failover")
    return parts


def _format_defaults(model: Model) -> list[str]:
    """Return what the model adds to starts; not the system prompt itself."""
    defaults = model.defaults
    parts = [] if defaults.system is None else ["system prompt"]
    if tools := len(defaults.tools):
        parts.append(f"{tools} {'tool' if tools == 1 else 'tools'}")
    if defaults.options:
        parts.append(f"defaults of {' and '.join(defaults.options)}")
    return parts


def _format_target(model: Model, target: Target, provider: Provider) -> str:
    weight = f"; weight {target.weight:g}" if model.policy.routing == "weighted" else ""
    parts = f"{target.name}: {target.upstream_model(model.name)}; {_format_provider(provider)}{weight}"
    price, published = target.price_of(model.name), _published_price(model, target)
    if price is None:
        return f"{parts}; price unknown"
    origin = "price" if published is None else f"{_kind(published.source)} price of {published.source.date}:"
    return f"{parts}; {origin} {_format_price(price)}"


def _format_price(price: Price) -> str:
    written = {"written": price.cache_write, "written for 1 h": price.cache_write_1h}
    parts = {"in": price.input, "cached": price.cached, **written, "out": price.output}
    text = ", ".join(f"{dollars:g} {name}" for name, dollars in parts.items() if dollars is not None)
    if price.long is not None:
        text += f"; above {price.long.above:,} tokens {_format_price(price.long.price)}"
    return text


def _format_provider(provider: Provider) -> str:
    """Return the host of a provider and whether it has a key; never the key itself."""
    host = urlsplit(provider.base_url).netloc if provider.base_url else "built in"
    if provider.key_variable is None and provider.key is None:
        return f"{host}; no key"
    return f"{host}; key {f'{provider.key_variable} ' if provider.key_variable else ''}set"


def warnings(settings: Settings, catalog: Catalog) -> list[str]:
    """Return a line for each part of the configuration that is valid but may be a mistake."""
    lines: list[str] = []
    for provider in catalog.providers.values():
        lines += _provider_warnings(provider)
    if not (settings.requires_credentials or settings.insecure or is_loopback_host(settings.host)):
        lines.append(f"{settings.host} may be reached by others, but no credentials are required: serve will not start")
    lines += [f"{name}: no model uses this provider" for name in settings.providers if name not in catalog.providers]
    for name, model in catalog.models.by_name.items():
        lines += _ineffective_settings(name, model)
        lines += _price_warnings(name, model)
        lines += _defaults_warnings(model, catalog)
    return lines


def _provider_warnings(provider: Provider) -> Iterator[str]:
    url = urlsplit(provider.base_url or "")
    if url.scheme == "http" and not is_loopback_host(url.hostname or ""):
        yield f"{provider.name}: plain http to {url.hostname}: keys and texts are sent unencrypted"
    if provider.quirks.continuation == "prefix" and url.path.rstrip("/").endswith("/v1"):
        yield f"{provider.name}: answers are continued below /beta: base_url should not end with /v1"


def _ineffective_settings(name: str, model: Model) -> Iterator[str]:
    policy = model.policy
    if len(model.targets) < 2:
        if policy.failover:
            yield f"{name}: failover has no effect: it needs a second upstream"
        if policy.routing != "ordered":
            yield f"{name}: routing has no effect: it needs a second upstream"
    if policy.routing != "weighted" and len({target.weight for target in model.targets}) > 1:
        yield f'{name}: weight has no effect: it needs routing = "weighted"'
    if isinstance(policy.hedge, int | float):
        for target in model.targets:
            if 0 < target.limits.first_token_timeout <= policy.hedge:
                yield f"{name}: hedge has no effect at {target.name}: its first_token_timeout is not longer"


def _defaults_warnings(model: Model, catalog: Catalog) -> Iterator[str]:
    """Yield a line for each upstream whose API has no word for what the model adds to every start."""
    start = model.defaults.apply(StartRequest(messages=[Message(role="user", content="x")]))
    for target in model.targets:
        provider = catalog.providers[target.name]
        wire_format = WIRE_FORMATS[provider.api](provider.quirks)
        try:
            wire_format.body(
                UpstreamRequest(target.upstream_model(model.name), start.messages, start.options.for_provider())
            )
        except UnsupportedOption as unsupported:
            yield f"{model.name}: its defaults are refused at {target.name}: {unsupported.message}"


def _price_warnings(name: str, model: Model) -> Iterator[str]:
    for target in model.targets:
        if target.price_of(name) is None:
            yield f"{name}: the price at {target.name} is not known: its answers report no cost, and budgets miss it"
