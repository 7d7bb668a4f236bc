"""Change the models and keys of a gateway that runs; what runs ends as it began."""

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
"""The settings that a reload changes."""

logger = logging.getLogger(__name__)


class Reloader:
    """Owns the catalogue that is in use, and those before it until nothing runs on them any more."""

    def __init__(self, hub: Hub, settings: Settings, catalogue: Catalog, authenticator: Authenticator) -> None:
        self.catalogue = catalogue
        self._authenticator = authenticator
        self._hub = hub
        self._settings = self._started = settings
        self._lock = asyncio.Lock()
        self._loading: set[asyncio.Task[None]] = set()
        self._retiring: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Start what the catalogue needs.

        Raises:
            OSError: the simulator can't listen.
        """
        await self.catalogue.start()

    def request(self, load: Callable[[], Settings]) -> None:
        """Load the configuration and change to it, soon; what is wrong with it is logged, and nothing changes."""
        task = asyncio.get_running_loop().create_task(self._load(load), name="reload")
        self._loading.add(task)
        task.add_done_callback(self._loading.discard)

    async def change(self, settings: Settings) -> None:
        """Change to another configuration: what starts from now on is asked of its models, by whom its keys let in.

        Raises:
            ConfigurationError: the keys can't be read, or there are none any more. Nothing has changed.
            OSError: the simulator is needed, and can't listen. Nothing has changed.
        """
        async with self._lock:
            made = credential_schemes(settings, self._authenticator.schemes)
            if not made and not self._authenticator.allows_anonymous:
                message = "keys: there are none any more; only a restart opens a gateway that had some"
                raise ConfigurationError(message)
            former, catalogue = self.catalogue, build(settings, before=self.catalogue)
            try:
                await catalogue.start()
            except BaseException:
                await catalogue.close(former)
                raise
            running = self._hub.reload(catalogue.models)
            self.catalogue = catalogue
            self._authenticator.change(made)
            logger.warning("the configuration was loaded again: %s", self._difference(settings, catalogue))
            self._settings = settings
        task = asyncio.get_running_loop().create_task(_retire(former, catalogue, running), name="retire")
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)

    async def close(self) -> None:
        """Close everything; call it when the hub is closed, so that nothing runs."""
        for task in self._loading:
            task.cancel()
        await asyncio.gather(*self._loading, return_exceptions=True)
        await asyncio.gather(*self._retiring, return_exceptions=True)
        await self.catalogue.close()

    async def _load(self, load: Callable[[], Settings]) -> None:
        try:
            # To say on which line a fault is may take a while.
            await self.change(await asyncio.to_thread(load))
        except ConfigurationError as error:
            logger.error("the configuration stays as it was:\n%s", error)
        except OSError as error:
            logger.error("the configuration stays as it was: the simulator can't listen: %s", error.strerror)

    def _difference(self, settings: Settings, catalogue: Catalog) -> str:
        """Say what changes, since the last time; and what a restart would change, since the start."""
        changed = ", ".join(sorted(_differing(self._settings, settings) & RELOADABLE)) or "nothing"
        told = f"models: {', '.join(catalogue.models.names) or 'any'}; changed: {changed}"
        fixed = ", ".join(sorted(_differing(self._started, settings) - RELOADABLE))
        return f"{told}; only a restart changes {fixed}" if fixed else told


async def _retire(former: Catalog, successor: Catalog, running: Sequence[asyncio.Task[None]]) -> None:
    """Close what a catalogue held alone, when what runs on it is over."""
    if running:
        await asyncio.wait(running)
    await former.close(successor)


def _differing(one: Settings, other: Settings) -> set[str]:
    return {name for name in Settings.model_fields if getattr(one, name) != getattr(other, name)}
