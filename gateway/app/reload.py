"""Change the models and keys of a running gateway; running generations finish with the former models."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from gateway.api.admin.administration import ReloadReport
from gateway.app.authentication import credential_schemes, find_api_keys, read_stored_keys
from gateway.app.catalog import CATALOG_SETTINGS, Catalog, build
from gateway.config import ConfigurationError, Settings
from gateway.log_fields import log_fields
from gateway.pipeline.hub import Hub
from gateway.security.api_keys import StoredKey
from gateway.security.authenticator import ApiKeyScheme, Authenticator, CredentialScheme
from gateway.telemetry.logs.level import set_level

RELOADABLE: Final = CATALOG_SETTINGS | {"keys_file", "keys", "jwt", "log_level"}
"""Settings that a reload changes."""

NO_PROVIDER_LEFT: Final = (
    "models: no models and no upstream are left: is the file empty, or half written? Only a restart makes the built-in "
    "simulator answer in their place"
)
"""Error for a file that is valid and unintended: a full disk, or an editor that is still writing, has left it empty."""

logger = logging.getLogger(__name__)


class NothingToLoadError(Exception):
    """The gateway has no configuration file that could be loaded again."""


class Reloader:
    """Owner of the current catalog, and of former catalogs until no generation runs on them any more.

    `load` loads the configuration again; None if there is no file to load.
    """

    def __init__(
        self,
        hub: Hub,
        settings: Settings,
        catalog: Catalog,
        authenticator: Authenticator,
        load: Callable[[], Settings] | None = None,
    ) -> None:
        self.catalog = catalog
        self._load_settings = load
        self._authenticator = authenticator
        self._hub = hub
        self._settings = self._initial_settings = settings
        self._lock = asyncio.Lock()
        self._load_lock = asyncio.Lock()
        self._requested: Callable[[], Settings] | None = None
        self._loading: asyncio.Task[None] | None = None
        self._retiring: set[asyncio.Task[None]] = set()

    @property
    def settings(self) -> Settings:
        """Return the settings in use: those of the last reload."""
        return self._settings

    async def start(self) -> None:
        """Start the catalog.

        Raises:
            OSError: the simulator can't listen.
        """
        await self.catalog.start()

    def request(self, load: Callable[[], Settings]) -> None:
        """Load the configuration and change to it, in a task. If that fails, log why; nothing changes.

        One load runs at a time, so that a file that takes longer to read is not applied after a later one. Requests
        while one runs are one more: it begins after the last of them, and reads what is there then.
        """
        self._requested = load
        if self._loading is None:
            self._loading = asyncio.get_running_loop().create_task(self._load_requested(), name="reload")

    async def reload(self) -> ReloadReport:
        """Load the configuration and change to it; return what has changed.

        Raises:
            NothingToLoadError: there is no file to load.
            ConfigurationError: see `change`; or the configuration is not valid. Nothing has changed.
            OSError: see `change`.
        """
        if self._load_settings is None:
            raise NothingToLoadError
        return await self._change_to(self._load_settings)

    async def reload_keys(self) -> Sequence[str]:
        """Read the API keys again, and nothing else; return how many have changed.

        Raises:
            ConfigurationError: they can't be read, or are not valid. The former ones stay in use.
        """
        async with self._lock:
            keys = await asyncio.to_thread(read_stored_keys, self._settings)
            former = find_api_keys(self._authenticator.schemes)
            if former is None:
                return []
            current = ApiKeyScheme(keys, former.last_used)
            changes = _describe_key_changes(former.keys, current.keys)
            if changes:
                schemes = [current if scheme is former else scheme for scheme in self._authenticator.schemes]
                self._authenticator.replace_schemes(schemes)
                described = ", ".join(changes)
                logger.warning("keys reloaded: %s", described, extra=log_fields("keys_reloaded", changes=described))
            return changes

    async def change(self, settings: Settings) -> ReloadReport:
        """Change to another configuration: new generations use its models, and new requests its keys.

        Raises:
            ConfigurationError: the keys can't be read, or no keys or no providers are left. Nothing has changed.
            OSError: the simulator is needed, but can't listen. Nothing has changed.
        """
        # Two reloads at once would both replace the same catalog: it would be closed twice, and one successor never.
        async with self._lock:
            if _names_provider(self._settings) and not _names_provider(settings):
                raise ConfigurationError(NO_PROVIDER_LEFT)
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
            report = self._report(settings, catalog, schemes)
            running = self._hub.reload(catalog.models)
            self.catalog = catalog
            self._authenticator.replace_schemes(schemes)
            if settings.log_level != self._settings.log_level:
                set_level(settings.log_level)
            logger.info("configuration reloaded: %s", report, extra=log_fields("reloaded", changes=str(report)))
            self._settings = settings
        task = asyncio.get_running_loop().create_task(_retire(former, catalog, running), name="retire")
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)
        return report

    async def close(self) -> None:
        """Close all catalogs. Call it after the hub is closed, when no generation runs any more."""
        if self._loading is not None:
            self._loading.cancel()
            await asyncio.wait([self._loading])
        await asyncio.gather(*self._retiring, return_exceptions=True)
        await self.catalog.close()

    async def _load_requested(self) -> None:
        try:
            while (load := self._requested) is not None:
                self._requested = None
                await self._load(load)
        finally:
            self._loading = None

    async def _change_to(self, load: Callable[[], Settings]) -> ReloadReport:
        # One at a time: a file that takes longer to read is not applied after a later one.
        async with self._load_lock:
            # In a thread: locating the line of a problem parses the file many times, which would block all streams.
            return await self.change(await asyncio.to_thread(load))

    async def _load(self, load: Callable[[], Settings]) -> None:
        try:
            await self._change_to(load)
        except ConfigurationError as error:
            logger.error("configuration not changed:\n%s", error, extra=log_fields("reload_failed", reason=str(error)))
        except OSError as error:
            message = "configuration not changed: the simulator can't listen: %s"
            logger.error(message, error.strerror, extra=log_fields("reload_failed", reason=error.strerror))

    def _report(self, settings: Settings, catalog: Catalog, schemes: Sequence[CredentialScheme]) -> ReloadReport:
        changed = sorted(_differences(self._settings, settings) & RELOADABLE)
        # The file of keys keeps its name when its content changes.
        changed += _describe_key_changes(_stored_keys(self._authenticator.schemes), _stored_keys(schemes))
        needs_restart = sorted(_differences(self._initial_settings, settings) - RELOADABLE)
        return ReloadReport(catalog.models.names, changed, needs_restart)


async def _retire(former: Catalog, successor: Catalog, running: Sequence[asyncio.Task[None]]) -> None:
    """Wait until the generations of a former catalog have ended, then close what its successor does not reuse."""
    if running:
        await asyncio.wait(running)
    await former.close(successor)


def _names_provider(settings: Settings) -> bool:
    """Return False if the built-in simulator answers because nothing else is configured."""
    return settings.upstream is not None or bool(settings.models)


def _differences(settings: Settings, other: Settings) -> set[str]:
    """Return the names of the settings whose values differ."""
    return {name for name in Settings.model_fields if getattr(settings, name) != getattr(other, name)}


def _stored_keys(schemes: Sequence[CredentialScheme]) -> Mapping[str, StoredKey]:
    """Return the API keys that the schemes accept, by id."""
    scheme = find_api_keys(schemes)
    return {} if scheme is None else scheme.keys


def _describe_key_changes(former: Mapping[str, StoredKey], keys: Mapping[str, StoredKey]) -> list[str]:
    """Return how many API keys are new, gone, or have other rights, limits or secrets; no name and no id."""
    counts = {
        "added": len(keys.keys() - former.keys()),
        "removed": len(former.keys() - keys.keys()),
        "altered": sum(former[key_id] != keys[key_id] for key_id in former.keys() & keys.keys()),
    }
    return [f"{count} {'key' if count == 1 else 'keys'} {change}" for change, count in counts.items() if count]
