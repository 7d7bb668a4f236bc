"""Whether the gateways of a deployment are configured alike: they compare digests of the settings that must agree.

Each gives one digest of all of them with its lease. Where it is another one, the two send each other a digest of each
setting, and log which differ: most likely two deployments share a store and a prefix by mistake.
"""

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

import orjson

from gateway.log_fields import log_fields

logger = logging.getLogger(__name__)

Digests = Mapping[str, str]
"""Digests of the values of settings, by the names of the settings."""


def digests_of(values: Mapping[str, object]) -> Digests:
    """Return the digests of settings. None of the values is a secret: short digests can be guessed."""
    return {name: _digest(orjson.dumps(value)) for name, value in values.items()}


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:8]


@dataclass
class Configuration:
    """The settings of this gateway that others must agree with."""

    digests: Digests = field(default_factory=dict)
    _compared: set[str] = field(default_factory=set)

    @property
    def digest(self) -> str:
        """Return what stands for all of them."""
        return _digest(orjson.dumps(dict(self.digests), option=orjson.OPT_SORT_KEYS))

    def unlike(self, alive: Mapping[str, str]) -> list[str]:
        """Return the gateways whose digest is another one, and that have not been returned before."""
        own = self.digest
        found = {name for name, digest in alive.items() if digest != own}
        new, self._compared = found - self._compared, found
        return sorted(new)

    def compare(self, sender: str, digests: Digests) -> None:
        """Log the settings in which another gateway differs."""
        names = self.digests.keys() | digests.keys()
        differing = sorted(name for name in names if self.digests.get(name) != digests.get(name))
        if differing:
            logger.warning(
                "gateway %s shares this store and is configured differently: %s. Give all gateways of a deployment the "
                "same settings, and each deployment a `store_prefix` of its own",
                *(sender, ", ".join(differing)),
                extra=log_fields("configuration_differs", gateway=sender, settings=differing),
            )
