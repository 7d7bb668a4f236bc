"""What the routes of the admin API need from the application, which implements it."""

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Protocol

from gateway.billing.daily_use import Use
from gateway.security.api_keys import StoredKey


@dataclass(frozen=True, slots=True)
class Outcome:
    """How many gateways of the deployment have applied a change, and why others have not, by their names."""

    applied: int = 1
    failed: Mapping[str, str] | None = None

    def json(self) -> dict[str, object]:
        """Return it as responses show it."""
        failed = [{"gateway": name, "problem": problem} for name, problem in (self.failed or {}).items()]
        return {"applied": self.applied, "failed": failed}


@dataclass(frozen=True, slots=True)
class ReloadReport:
    """What a reload has changed. Without `models`, any name is accepted.

    `changed` are settings, and how many keys; `needs_restart` are settings that differ from those of the start.
    """

    models: Sequence[str]
    changed: Sequence[str]
    needs_restart: Sequence[str]

    def __str__(self) -> str:
        changes = f"models: {', '.join(self.models) or 'any'}; changed: {', '.join(self.changed) or 'nothing'}"
        fixed = ", ".join(self.needs_restart)
        return f"{changes}; only a restart changes {fixed}" if fixed else changes


class Administration(Protocol):
    """The keys, and what changes them and the configuration, on all gateways of the deployment."""

    @property
    def keys(self) -> Sequence[StoredKey]:
        """Return the keys that are accepted."""
        ...

    @property
    def obstacle(self) -> str | None:
        """Return why keys can't be changed here, and what to configure; None if they can."""
        ...

    def fixed_ids(self) -> AbstractSet[str]:
        """Return the ids of the keys that no request can change: those of the setting `keys`, or without a file all."""
        ...

    async def last_used(self, keys: Sequence[StoredKey]) -> Mapping[str, float]:
        """Return when keys were used last, in seconds since 1970, by their ids; as far as it is known."""
        ...

    async def use(self, principals: Sequence[str]) -> Mapping[str, Use]:
        """Return what principals have used on this day, by their ids."""
        ...

    async def add_key(self, key: StoredKey) -> Outcome:
        """Add a key, and accept it from now on; the outcome says which gateways can't, this one included.

        Raises:
            Refused: its name is in use, or keys can't be changed here. There is no such key then.
        """
        ...

    async def alter_key(self, key_id: str, alter: Callable[[StoredKey], StoredKey]) -> tuple[StoredKey, Outcome]:
        """Replace a key by what `alter` makes of it, from now on; return that.

        Raises:
            Refused: the key is unknown, or can't be changed here.
        """
        ...

    async def revoke_key(self, key_id: str) -> Outcome:
        """Refuse a key from now on, and forget it.

        Raises:
            Refused: as `alter_key`.
        """
        ...

    async def reload(self) -> tuple[ReloadReport, Outcome]:
        """Load the configuration again, and change to it.

        Raises:
            Refused: there is no file to load.
            ConfigurationError: the configuration is not valid. Nothing has changed.
        """
        ...
