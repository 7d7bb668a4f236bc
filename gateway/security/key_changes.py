"""Changes of a key file: each reads the file, changes its keys and replaces it, under the lock of the file.

`dualstream keys` and the admin API use these functions alone, so that both may change one file at the same time.
"""

import errno
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from gateway.security.api_keys import StoredKey
from gateway.security.key_file import exclusive_access, read_keys, write_keys

MAX_KEYS: Final = 10_000
"""Maximum number of keys of a file: all of them are read and written with each change."""

Check = Callable[[Sequence[StoredKey]], None]
"""Raises an error if these keys must not be written."""


class UnknownKeyError(ValueError):
    """No key of the file is the one to change."""


class KeyConflictError(ValueError):
    """A key can't be added: its name is in use, or the file is full."""


def accept_all(_keys: Sequence[StoredKey]) -> None:
    """Accept any keys."""


def add_key(file: Path, key: StoredKey, check: Check = accept_all, *, create: bool = False) -> None:
    """Add a key to a file, which must exist unless it may be created.

    Raises:
        KeyConflictError: its name is in use, or the file has too many keys.
        ConfigurationError: the file can't be read.
        OSError: it can't be written.
    """
    _check_regular(file)
    if not create:
        # Locking creates the file. Read it first, so that a missing file is an error.
        read_keys(file)
    with exclusive_access(file):
        keys = read_keys(file)
        if any(other.name == key.name for other in keys):
            message = f"a key named {key.name} exists already: revoke it first, or choose another name"
            raise KeyConflictError(message)
        if len(keys) >= MAX_KEYS:
            message = f"{file.name} has {len(keys)} keys, and {MAX_KEYS} at most: revoke some that are not used"
            raise KeyConflictError(message)
        _write(file, [*keys, key], check)


def alter_key(file: Path, key_id: str, alter: Callable[[StoredKey], StoredKey], check: Check = accept_all) -> StoredKey:
    """Replace a key of a file by what `alter` makes of it, and return that.

    Raises:
        UnknownKeyError: the file has no key of this id.
        ConfigurationError: the file can't be read.
        OSError: it can't be written.
    """
    _check_regular(file)
    read_keys(file)
    with exclusive_access(file):
        keys = read_keys(file)
        former = next((key for key in keys if key.id == key_id), None)
        if former is None:
            raise unknown_key(file, keys)
        altered = alter(former)
        if altered != former:
            _write(file, [altered if key is former else key for key in keys], check)
    return altered


def remove_keys(file: Path, is_removed: Callable[[StoredKey], bool]) -> Sequence[StoredKey]:
    """Remove keys from a file, and return them.

    Raises:
        UnknownKeyError: none is to be removed.
        ConfigurationError: the file can't be read.
        OSError: it can't be written.
    """
    _check_regular(file)
    read_keys(file)
    with exclusive_access(file):
        keys = read_keys(file)
        removed = [key for key in keys if is_removed(key)]
        if not removed:
            raise unknown_key(file, keys)
        write_keys(file, [key for key in keys if key not in removed])
    return removed


def unknown_key(file: Path, keys: Sequence[StoredKey]) -> UnknownKeyError:
    """Build the error of a key that a file does not have."""
    names = ", ".join(key.name for key in keys[:20]) or "none"
    more = f" and {len(keys) - 20} more" if len(keys) > 20 else ""
    return UnknownKeyError(f"{file} has no such key; its keys: {names}{more}")


def _check_regular(file: Path) -> None:
    """Check that a file is none that only a program could write to: reading that could wait without an end.

    Raises:
        OSError: it is a pipe, a socket or a device.
    """
    if file.exists() and not (file.is_file() or file.is_dir()):
        raise OSError(errno.EINVAL, "it is a pipe or a device, which can't be replaced")


def _write(file: Path, keys: Sequence[StoredKey], check: Check) -> None:
    check(keys)
    write_keys(file, keys)
