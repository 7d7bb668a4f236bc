"""Change the models and keys of a running gateway; running generations finish with the former models."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Final

from gateway.app.authentication import credential_schemes
from gateway.app.catalog import CATALOG_SETTINGS, Catalog, build
from gateway.config import ConfigurationError, Settings
from gateway.pipeline.hub import Hub
from gateway.security.authenticator import Authenticator

RELOADABLE: Final = CATALOG_SETTINGS | {"keys_file", "keys", "jwt"}
"""Settings that a reload changes."""

logger = logging.getLogger(__name__)


class Reloader:
    """Owner of the current catalog, and of former catalogs until no generation runs on them any more."""

    def __init__(self, hub: Hub, settings: Settings, catalog: Catalog, authenticator: Authenticator) -> None:
        self.catalog = catalog
        self._authenticator = authenticator
        self._hub = hub
        self._settings = self._initial_settings = settings
        self._lock = asyncio.Lock()
        self._loading: set[asyncio.Task[None]] = set()
        self._retiring: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Start the catalog.

        Raises:
            OSError: the simulator can't listen.
        """
        await self.catalog.start()

    def request(self, load: Callable[[], Settings]) -> None:
        """Start a task that loads the configuration and changes to it. If that fails, it logs why; nothing changes."""
        task = asyncio.get_running_loop().create_task(self._load(load), name="reload")
        self._loading.add(task)
        task.add_done_callback(self._loading.discard)

    async def change(self, settings: Settings) -> None:
        """Change to another configuration: new generations use its models, and new requests its keys.

        Raises:
            ConfigurationError: the keys can't be read, or no keys are left. Nothing has changed.
            OSError: the simulator is needed, but can't listen. Nothing has changed.
        """
        # Two reloads at once would both replace the same catalog: it would be closed twice, and one successor never.
        async with self._lock:
            schemes = credential_schemes(settings, self._authenticator.schemes)
            if not schemes and not self._authenticator.allows_anonymous:
                message = "keys: no keys are left; only a restart makes the gateway accept clients without credentials"
                raise ConfigurationError(message)
            former, catalog = self.catalog, build(settings, previous=self.catalog)
            try:
                await catalog.start()
            except BaseException:
                await catalog.close(former)
                raise
            # No await from here on: requests see either the former models and keys, or the new ones.
            running = self._hub.reload(catalog.models)
            self.catalog = catalog
            self._authenticator.replace_schemes(schemes)
            logger.warning("configuration reloaded: %s", self._describe_changes(settings, catalog))
            self._settings = settings
        task = asyncio.get_running_loop().create_task(_retire(former, catalog, running), name="retire")
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)

    async def close(self) -> None:
        """Close all catalogs. Call it after the hub is closed, when no generation runs any more."""
        for task in self._loading:
            task.cancel()
        await asyncio.gather(*self._loading, return_exceptions=True)
        await asyncio.gather(*self._retiring, return_exceptions=True)
        await self.catalog.close()

    async def _load(self, load: Callable[[], Settings]) -> None:
        try:
            # In a thread: locating the line of a problem parses the file many times, which would block all streams.
            await self.change(await asyncio.to_thread(load))
        except ConfigurationError as error:
            logger.error("configuration not changed:\n%s", error)
        except OSError as error:
            logger.error("configuration not changed: the simulator can't listen: %s", error.strerror)

    def _describe_changes(self, settings: Settings, catalog: Catalog) -> str:
        """Return what changes since the last reload, and what differs from the start but needs a restart."""
        changed = ", ".join(sorted(_differences(self._settings, settings) & RELOADABLE)) or "nothing"
        changes = f"models: {', '.join(catalog.models.names) or 'any'}; changed: {changed}"
        fixed = ", ".join(sorted(_differences(self._initial_settings, settings) - RELOADABLE))
        return f"{changes}; only a restart changes {fixed}" if fixed else changes


async def _retire(former: Catalog, successor: Catalog, running: Sequence[asyncio.Task[None]]) -> None:
    """Wait until the generations of a former catalog have ended, then close what its successor does not reuse."""
    if running:
        await asyncio.wait(running)
    await former.close(successor)


def _differences(settings: Settings, other: Settings) -> set[str]:
    """Return the names of the settings whose values differ."""
    return {name for name in Settings.model_fields if getattr(settings, name) != getattr(other, name)}
