"""Checks of settings that depend on each other, after each value was found valid by itself. Pure."""

from collections.abc import Collection, Iterator
from typing import Final

from gateway.billing.price_lookup import published_price
from gateway.config.checks import MEMORY
from gateway.config.model_names import served_models
from gateway.config.presets import PRESETS
from gateway.config.providers import preset_name, resolve_provider, single_provider
from gateway.config.settings import SINGLE_UPSTREAM_SETTINGS, Settings
from gateway.config.tables import JwtTable, ModelTable
from gateway.net.addresses import is_loopback_host
from gateway.toml.problems import Path, Problem

_UPSTREAM_KEYS: Final = ("upstream_model", "max_concurrent", "price")
"""Keys of a model that describe its only upstream."""


def cross_check(settings: Settings, explicit: Collection[str], broken: Collection[Path]) -> Iterator[Problem]:
    """Yield the problems between settings.

    `explicit` are the names of the settings that were set anywhere. `broken` are the paths of settings and tables that
    were left out because they are invalid: problems that may only follow from that are not reported.
    """
    if settings.models or _is_broken("models", broken):
        for name in SINGLE_UPSTREAM_SETTINGS:
            if name in explicit:
                yield Problem((name,), "cannot be combined with [models]: remove it")
    for name in settings.providers:
        yield from _check_provider(settings, name)
    for name, model in settings.models.items():
        yield from _check_model(settings, name, model, broken)
    if not _is_broken("models", broken):
        yield from _check_names(settings)
    yield from _check_prompt_memory(settings)
    yield from _check_workers(settings, broken)
    if settings.budget_per_day:
        yield from check_prices(settings, broken)
    if settings.jwt is not None and not _is_broken("jwt", broken):
        yield from _check_jwt(settings.jwt)


def _check_prompt_memory(settings: Settings) -> Iterator[Problem]:
    """Yield a problem for each limit of prompts that not even one request could keep."""
    for name in ("max_prompt_bytes", "max_prompt_bytes_per_client"):
        if 0 < (getattr(settings, name) or 0) < settings.max_body_bytes:
            yield Problem((name,), f"must be 0 or at least max_body_bytes, which is {settings.max_body_bytes}")


def _check_workers(settings: Settings, broken: Collection[Path]) -> Iterator[Problem]:
    """Yield a problem for several processes that would each keep generations of which the others know nothing."""
    if settings.workers > 1 and settings.store == MEMORY and not _is_broken("store", broken):
        message = (
            f"is {settings.workers}, but store is memory, which belongs to one process: set store to a Redis that the "
            "workers share (DUALSTREAM_STORE=redis://127.0.0.1:6379/0), or workers to 1"
        )
        yield Problem(("workers",), message)


def check_prices(settings: Settings, broken: Collection[Path] = ()) -> Iterator[Problem]:
    """Yield a problem for each upstream without a price: a budget needs all of them."""
    for name, model in settings.models.items():
        for index, upstream in enumerate(model.all_upstreams):
            vendor = resolve_provider(settings, upstream.provider).vendor
            is_known = upstream.price is not None or published_price(vendor, upstream.upstream_model or name)
            if not is_known and ("providers", upstream.provider) not in broken:
                message = (
                    "is not known, so budget_per_day can't count it: set it, or { input = 0, output = 0 } if calls are "
                    "free"
                )
                yield Problem((*upstream_path(name, model, index), "price"), message)
    if not settings.models and not broken:
        vendor, names = single_provider(settings).vendor, served_models(settings)
        if not names or not all(published_price(vendor, name) for name in names):
            message = "can't count models whose price is not known: configure them in [models], each with its price"
            yield Problem(("budget_per_day",), message)


def upstream_path(name: str, model: ModelTable, index: int) -> Path:
    """Return the path of an upstream of a model, in the form of the table that the file has."""
    return ("models", name) if model.provider is not None else ("models", name, "upstreams", index)


def _is_broken(table: str, broken: Collection[Path]) -> bool:
    return any(path[0] == table for path in broken)


def _check_provider(settings: Settings, name: str) -> Iterator[Problem]:
    table = settings.providers[name]
    if table.base_url is None and preset_name(name, table) is None:
        message = f"is missing: set it, or set preset to one of: {', '.join(PRESETS)}"
        yield Problem(("providers", name, "base_url"), message)
    if table.base_url is not None and preset_name(name, table) == "simulator":
        message = "cannot be set for the built-in simulator: remove it, or set preset to openai"
        yield Problem(("providers", name, "base_url"), message)


def _check_model(settings: Settings, name: str, model: ModelTable, broken: Collection[Path]) -> Iterator[Problem]:
    path: Path = ("models", name)
    if model.provider is not None and model.upstreams:
        yield Problem((*path, "provider"), "cannot be combined with upstreams: remove one of the two")
        return
    if not model.all_upstreams:
        yield Problem((*path, "provider"), "is missing: set it, or add a list of upstreams")
    elif model.upstreams:
        for key in _UPSTREAM_KEYS:
            if key in model.model_fields_set:
                yield Problem((*path, key), "belongs to a single upstream: move it to an entry of upstreams")
        if not any(upstream.weight for upstream in model.upstreams):
            message = "must be greater than 0 for at least one of the upstreams"
            yield Problem((*path, "upstreams", 0, "weight"), message)
    if len(model.all_upstreams) < 2 and model.hedge is not None:
        yield Problem((*path, "hedge"), "needs a second upstream")
    yield from _check_defaults(path, model)
    yield from _check_upstreams(settings, name, model, broken)


def _check_defaults(path: Path, model: ModelTable) -> Iterator[Problem]:
    if (defaults := model.defaults) is None:
        return
    longest = model.max_output_tokens
    if longest is not None and (defaults.max_tokens or 0) > longest:
        yield Problem((*path, "defaults", "max_tokens"), f"must be at most max_output_tokens, which is {longest}")
    first_index: dict[str, int] = {}
    for index, tool in enumerate(defaults.tools or ()):
        first = first_index.setdefault(tool.function.name, index)
        if first != index:
            problem = f"is the name of tools[{first}], too: rename one of the two"
            yield Problem((*path, "defaults", "tools", index, "function", "name"), problem)


def _check_upstreams(settings: Settings, name: str, model: ModelTable, broken: Collection[Path]) -> Iterator[Problem]:
    first_index: dict[tuple[str, str], int] = {}
    for index, upstream in enumerate(model.all_upstreams):
        path = upstream_path(name, model, index)
        is_known = upstream.provider in settings.providers or preset_name(upstream.provider, None)
        if not is_known and ("providers", upstream.provider) not in broken:
            names = ", ".join([*settings.providers, *PRESETS])
            yield Problem((*path, "provider"), f"is neither a table of providers nor a preset; use one of: {names}")
        first = first_index.setdefault((upstream.provider, upstream.upstream_model or name), index)
        if first != index:
            yield Problem(path, f"is the same upstream as upstreams[{first}]: remove one of the two")


def _check_names(settings: Settings) -> Iterator[Problem]:
    names = served_models(settings)
    models = ", ".join(names) or "none, because any model may be requested; list the models in model"
    unknown = f"must be the name of a model; configured models: {models}"
    for alias, name in settings.aliases.items():
        if alias in names:
            yield Problem(("aliases", alias), "is already the name of a model: choose another alias")
        if name not in names:
            yield Problem(("aliases", alias), unknown)
    default = settings.default_model
    # A name that begins with "sim" may carry parameters of the simulator, such as "sim?speed=3".
    is_simulated = default is not None and not settings.models and not settings.model and default.startswith("sim")
    if default is not None and names and default not in {*names, *settings.aliases} and not is_simulated:
        yield Problem(("default_model",), unknown)


def _check_jwt(jwt: JwtTable) -> Iterator[Problem]:
    """Yield the problems of the keys of tokens.

    The algorithms must use one kind of key. If HS and RS were both accepted, an attacker could sign a token with HS and
    the public key, which everyone has, as the secret (RFC 8725, 2.1 and 3.1).
    """
    if {algorithm.startswith("HS") for algorithm in jwt.algorithms} == {True, False}:
        message = "must be of one kind: either HS with a shared secret, or RS and ES with public keys"
        yield Problem(("jwt", "algorithms"), message)
        return
    algorithm = jwt.algorithms[0]
    if jwt.uses_shared_secret and not jwt.secret_variable:
        yield Problem(("jwt", "secret_variable"), f"is missing: {algorithm} needs a shared secret")
    public = [name for name in ("jwks_file", "jwks_url") if getattr(jwt, name) is not None]
    if jwt.uses_shared_secret:
        for name in public:
            yield Problem(("jwt", name), f"cannot be combined with {algorithm}: remove it")
    elif len(public) == 2:
        yield Problem(("jwt", "jwks_url"), "cannot be combined with jwks_file: remove one of the two")
    if not jwt.uses_shared_secret and not public:
        yield Problem(("jwt", "jwks_url"), f"is missing: {algorithm} needs public keys; set jwks_url or jwks_file")
    if not jwt.uses_shared_secret and jwt.secret_variable:
        yield Problem(("jwt", "secret_variable"), f"cannot be combined with {algorithm}: remove it")
    url = jwt.jwks_url
    if url is not None and url.scheme != "https" and not is_loopback_host((url.host or "").strip("[]")):
        message = "must be https: an attacker who changes the keys in transit could sign tokens"
        yield Problem(("jwt", "jwks_url"), message)
