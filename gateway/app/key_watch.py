"""Follow changes of the key file, by whomever: `dualstream keys`, the admin API of another gateway, an editor."""

import asyncio
import logging
from pathlib import Path
from typing import Final, NamedTuple

from gateway.app.reload import Reloader
from gateway.clock import Clock, sleep
from gateway.log_fields import log_fields
from gateway.toml.problems import ConfigurationError

LOOK_SECONDS: Final = 1.0
"""How often the file is looked at. A change is followed when two looks in a row have found it."""

logger = logging.getLogger(__name__)


class _Version(NamedTuple):
    inode: int
    modified_ns: int
    size: int


class KeyWatch:
    """Looks at the key file of the configuration. Its owner runs `run` as a task."""

    def __init__(self, reloader: Reloader, clock: Clock) -> None:
        self._reloader = reloader
        self._clock = clock
        self._followed: tuple[Path, _Version | None] | None = None
        self._seen: tuple[Path, _Version | None] | None = None

    async def run(self) -> None:
        """Follow the file until the task is cancelled."""
        while True:
            await sleep(LOOK_SECONDS, self._clock)
            await self.look()

    async def look(self) -> None:
        """Read the keys again if their file has changed, and has stayed as it is since the last look.

        What changes at the moment may be half written. If the keys are not valid, log why; the former ones stay.
        """
        file = self._reloader.settings.keys_file
        if file is None:
            return
        # In a thread: a file server may not answer.
        found = file, await asyncio.to_thread(_version, file)
        is_settled, self._seen = found == self._seen, found
        if is_settled and found != self._followed:
            self._followed = found
            await self._follow(file, found[1])

    async def _follow(self, file: Path, version: _Version | None) -> None:
        if version is not None and version.size == 0:
            # A full disk leaves such a file. `dualstream keys` writes at least a comment.
            message = "%s is empty: the former keys stay in use until it has some, or a reload"
            logger.error(message, file, extra=log_fields("keys_not_reloaded", file=str(file), reason="it is empty"))
            return
        try:
            await self._reloader.reload_keys()
        except ConfigurationError as error:
            logger.error("keys not changed:\n%s", error, extra=log_fields("keys_not_reloaded", reason=str(error)))


def _version(file: Path) -> _Version | None:
    """Return what tells a version of a file from another one; None if it can't be read."""
    try:
        found = file.stat()
    except OSError:
        return None
    return _Version(found.st_ino, found.st_mtime_ns, found.st_size)
