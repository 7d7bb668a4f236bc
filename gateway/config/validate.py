"""What has to fit together in a configuration each of whose parts is right by itself. Pure."""

from collections.abc import Collection, Iterator
from typing import Final

from gateway.billing.prices import Price
from gateway.config.presets import PRESETS
from gateway.config.providers import preset_name, provider, single
from gateway.config.settings import Settings
from gateway.config.tables import JwtTable, ModelTable, UpstreamTable
from gateway.toml.problems import Path, Problem

SINGLE: Final = ("upstream", "upstream_api", "upstream_api_key", "upstream_connections", "provider", "model")
"""The settings of a gateway with one upstream; they do not go with `[models]`."""

COMPARED_MODELS: Final = ("sim-gpt-4.1", "sim-gpt-4o", "sim-claude-3.5-sonnet", "sim-gemini-1.5-flash")
"""The simulator's models that each act as a provider's: those of the comparison that this project started from."""

SIMULATED_MODELS: Final = ("sim", *COMPARED_MODELS, "sim-instant")
"""What a gateway without any upstream serves, and any other name that begins with `sim`."""

_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})

_OF_AN_UPSTREAM: Final = ("upstream_model", "max_concurrent", "price")


def price(upstream: UpstreamTable) -> Price | None:
    """Give the price that is written for an upstream."""
    told = upstream.price
    return None if told is None else Price(told.input, told.input if told.cached is None else told.cached, told.output)


def served(settings: Settings) -> tuple[str, ...]:
    """List the names of models, without aliases; empty if any may be asked for."""
    if settings.models:
        return tuple(settings.models)
    return settings.model or (SIMULATED_MODELS if settings.upstream is None else ())


def compared(settings: Settings) -> tuple[str, ...]:
    """List the names of models that are worth comparing, unless others are asked for.

    Of the simulator that nobody configured these are not all: some differ in nothing that could be compared.
    """
    simulated = settings.upstream is None and not settings.models and not settings.model
    return COMPARED_MODELS if simulated else served(settings)


def cross_check(settings: Settings, given: Collection[str], broken: Collection[Path]) -> Iterator[Problem]:
    """Find what does not fit together.

    `given` are the settings that were set anywhere; `broken` the paths of tables that were left out for what is wrong
    in them: nothing is said of what would need them.
    """
    if settings.models or any(path[0] == "models" for path in broken):
        for name in SINGLE:
            if name in given:
                yield Problem((name,), "goes with one upstream alone, and there are [models]: remove it")
    for name in settings.providers:
        yield from _of_provider(settings, name)
    for name, model in settings.models.items():
        yield from _of_model(settings, name, model, broken)
    if not any(path[0] == "models" for path in broken):
        yield from _of_names(settings)
    if settings.budget_per_day:
        yield from unpriced(settings, broken)
    if settings.jwt is not None and not any(path[0] == "jwt" for path in broken):
        yield from _of_tokens(settings.jwt)


def _of_provider(settings: Settings, name: str) -> Iterator[Problem]:
    table = settings.providers[name]
    if table.base_url is None and preset_name(name, table) is None:
        presets = ", ".join(PRESETS)
        yield Problem(("providers", name, "base_url"), f"is missing; or name a preset: {presets}")
    if table.base_url is not None and preset_name(name, table) == "simulator":
        message = "the simulator is built in: name no base_url, or name the preset openai"
        yield Problem(("providers", name, "base_url"), message)


def _of_model(settings: Settings, name: str, model: ModelTable, broken: Collection[Path]) -> Iterator[Problem]:
    path: Path = ("models", name)
    if model.provider is not None and model.upstreams:
        message = "goes with one upstream alone, and there are upstreams: remove one of the two"
        yield Problem((*path, "provider"), message)
        return
    if not model.asked:
        yield Problem((*path, "provider"), "is missing; or give a list of upstreams")
    elif model.upstreams:
        for key in _OF_AN_UPSTREAM:
            if key in model.model_fields_set:
                yield Problem((*path, key), "belongs to one of the upstreams: write it there")
        if not any(upstream.weight for upstream in model.upstreams):
            message = "must be greater than 0 for at least one of the upstreams"
            yield Problem((*path, "upstreams", 0, "weight"), message)
    if len(model.asked) < 2 and model.hedge is not None:
        yield Problem((*path, "hedge"), "needs a second upstream to race")
    yield from _of_upstreams(settings, name, model, broken)


def _of_upstreams(settings: Settings, name: str, model: ModelTable, broken: Collection[Path]) -> Iterator[Problem]:
    seen: dict[tuple[str, str], int] = {}
    for at, upstream in enumerate(model.asked):
        where = place(name, model, at)
        known = upstream.provider in settings.providers or preset_name(upstream.provider, None)
        if not known and ("providers", upstream.provider) not in broken:
            tables = ", ".join([*settings.providers, *PRESETS])
            yield Problem((*where, "provider"), f"is neither a table of providers nor a preset; known are: {tables}")
        first = seen.setdefault((upstream.provider, upstream.upstream_model or name), at)
        if first != at:
            yield Problem(where, f"is the same upstream as upstreams[{first}]: remove one of the two")


def place(name: str, model: ModelTable, at: int) -> Path:
    """Give the path of an upstream of a model, however it is written."""
    return ("models", name) if model.provider is not None else ("models", name, "upstreams", at)


def _of_names(settings: Settings) -> Iterator[Problem]:
    names = served(settings)
    known = ", ".join(names) or "none, as any may be asked for: list them in model"
    for alias, name in settings.aliases.items():
        if alias in names:
            yield Problem(("aliases", alias), "is the name of a model: an alias has another one")
        if name not in names:
            yield Problem(("aliases", alias), f"must be the name of a model; there are: {known}")
    default = settings.default_model
    simulated = default is not None and not settings.models and not settings.model and default.startswith("sim")
    if default is not None and names and default not in {*names, *settings.aliases} and not simulated:
        yield Problem(("default_model",), f"must be the name of a model; there are: {known}")


def _of_tokens(jwt: JwtTable) -> Iterator[Problem]:
    """What a signature is checked with must be one thing: a public key that is taken for a secret is no secret."""
    if {algorithm.startswith("HS") for algorithm in jwt.algorithms} == {True, False}:
        yield Problem(("jwt", "algorithms"), "must be of one kind: either HS with a secret, or RS and ES with keys")
        return
    if jwt.is_shared and not jwt.secret_variable:
        yield Problem(("jwt", "secret_variable"), f"is missing: {jwt.algorithms[0]} needs a secret")
    public = [name for name in ("jwks_file", "jwks_url") if getattr(jwt, name) is not None]
    if jwt.is_shared:
        for name in public:
            yield Problem(("jwt", name), f"does not go with {jwt.algorithms[0]}: remove it")
    elif len(public) == 2:
        yield Problem(("jwt", "jwks_url"), "does not go with jwks_file: remove one of the two")
    if not jwt.is_shared and not public:
        yield Problem(("jwt", "jwks_url"), f"is missing, or jwks_file: {jwt.algorithms[0]} needs the issuer's keys")
    if not jwt.is_shared and jwt.secret_variable:
        yield Problem(("jwt", "secret_variable"), f"does not go with {jwt.algorithms[0]}: remove it")
    url = jwt.jwks_url
    if url is not None and url.scheme != "https" and url.host not in _LOOPBACK:
        yield Problem(("jwt", "jwks_url"), "must be https: whoever can change the keys on the way comes in")


def unpriced(settings: Settings, broken: Collection[Path] = ()) -> Iterator[Problem]:
    """With a budget, whatever is asked must have a price."""
    for name, model in settings.models.items():
        for at, upstream in enumerate(model.asked):
            asked = provider(settings, upstream.provider)
            unknown = asked.price_of(upstream.upstream_model or name, price(upstream)) is None
            if unknown and ("providers", upstream.provider) not in broken:
                message = (
                    "is not known, and budget_per_day needs it: write it, or { input = 0, output = 0 } for what is free"
                )
                yield Problem((*place(name, model, at), "price"), message)
    if not settings.models and not broken:
        free = [name for name in served(settings) if single(settings).price_of(name, None) is None]
        if free or settings.upstream is not None:
            message = "needs the price of what is asked: name it in [models], with its price"
            yield Problem(("budget_per_day",), message)
