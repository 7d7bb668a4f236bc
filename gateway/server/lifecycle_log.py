"""What the log says of the start and the end of a gateway."""

import logging
from collections.abc import Sequence
from importlib.metadata import version
from typing import Final

from gateway.app.catalog import Catalog
from gateway.config import Settings
from gateway.config.checks import MEMORY
from gateway.log_fields import log_fields
from gateway.store.redis.address import parse_address

MAX_NAMED: Final = 20
"""Maximum number of models that the message names; the fields have all of them."""

logger = logging.getLogger("gateway")


def log_start(settings: Settings, catalog: Catalog, url: str) -> None:
    """Log what has started: where, with which models and providers, for which clients."""
    models, providers = list(catalog.models.names), sorted(_provider_names(catalog))
    store, credentials = _describe_store(settings), _describe_credentials(settings)
    logger.info(
        "Dualstream %s has started at %s; models: %s; providers: %s; store: %s; clients need %s",
        *(version("dualstream"), url, _join(models) or "any", ", ".join(providers), store, credentials),
        extra=log_fields(
            "started",
            version=version("dualstream"),
            url=url,
            models=models,
            providers=providers,
            store=store,
            credentials=credentials,
        ),
    )


def log_drain(reason: str, seconds: float, running: int) -> None:
    """Log that the gateway ends, and how many generations still run."""
    fields = log_fields("drain_begins", reason=reason, seconds=seconds, running=running)
    logger.info("%s: draining, at most %g s; generations that run: %d", reason, seconds, running, extra=fields)


def log_drained(seconds: float, unfinished: int) -> None:
    """Log how the drain has ended."""
    fields = log_fields("drain_ends", seconds=round(seconds, 1), unfinished=unfinished)
    logger.info("drained in %.1f s; generations that were ended early: %d", seconds, unfinished, extra=fields)


def _provider_names(catalog: Catalog) -> set[str]:
    models = catalog.models
    targets = [target for model in models.by_name.values() for target in model.targets]
    return {target.name for target in (*targets, *models.unlisted_targets)}


def _describe_store(settings: Settings) -> str:
    if settings.store == MEMORY:
        return MEMORY
    return f"{parse_address(settings.store)}, prefix {settings.store_prefix}"


def _describe_credentials(settings: Settings) -> str:
    kinds = ("a key" if settings.keys or settings.keys_file else "", "a token" if settings.jwt else "")
    return " or ".join(filter(None, kinds)) or "no credentials"


def _join(names: Sequence[str]) -> str:
    left_out = len(names) - MAX_NAMED
    return ", ".join(names[:MAX_NAMED]) + (f" and {left_out} more" if left_out > 0 else "")
