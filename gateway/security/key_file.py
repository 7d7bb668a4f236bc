"""Key file: TOML with one table `[keys.NAME]` per key, written by `dualstream keys` and by the admin API."""

import errno
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_core import ErrorDetails

from gateway.admission.limits import PrincipalLimits
from gateway.security.api_keys import StoredKey, check_id_and_hash, check_name, check_unique, parse_key
from gateway.security.principals import Role
from gateway.toml.document import Document, read
from gateway.toml.problems import MAX_SHOWN, Problem, as_error, describe, format_path, unknown_setting

if sys.platform != "win32":
    import fcntl

FILE_HEADER: Final = """\
# API keys of a Dualstream gateway, written by `dualstream keys` and the admin API, which keep no comment but this one.
# A key cannot be recovered from its hash. A running gateway follows changes of this file within 2 seconds.
"""

LOCK_SECONDS: Final = 5.0
"""Maximum time to wait for another process that changes the file: each takes milliseconds, unless it is stopped."""

LOCK_POLL_SECONDS: Final = 0.02

Limit = Annotated[int, Field(ge=0)]


class KeyTable(BaseModel):
    """Schema of one key's table. Its limits are named as in the configuration, and apply to this key."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False, defer_build=True)

    id: str
    hash: SecretStr
    created: datetime | None = None
    expires: datetime | None = None
    models: Annotated[tuple[str, ...], Field(strict=False)] | None = None
    roles: Annotated[tuple[Role, ...], Field(strict=False)] = ()
    rate_limit_per_minute: Limit | None = None
    rate_limit_burst: Annotated[int, Field(ge=1)] | None = None
    output_tokens_per_minute: Limit | None = None
    max_concurrent: Limit | None = None
    budget_per_day: Annotated[float, Field(ge=0)] | None = None
    max_streams: Limit | None = None


LIMIT_FIELDS: Final = tuple(PrincipalLimits.__dataclass_fields__)


def read_keys(file: Path) -> list[StoredKey]:
    """Read the keys of a file.

    Raises:
        ConfigurationError: the file cannot be read, or its content is not valid. The message names the line, and
            contains no hash.
    """
    document = read(file)
    problems: list[Problem] = []
    keys: list[StoredKey] = []
    problems += [Problem((name,), unknown_setting(name, ["keys"])) for name in document.values if name != "keys"]
    tables = document.values.get("keys", {})
    if not isinstance(tables, dict):
        problems.append(Problem(("keys",), "must be a table"))
        tables = {}
    for name, table in tables.items():
        try:
            keys.append(_parse_key_table(name, table))
        except ValidationError as error:
            problems += [
                Problem(("keys", name, *detail["loc"]), _describe(detail))
                for detail in error.errors(include_url=False, include_context=False, include_input=False)
            ]
        except ValueError as error:
            # The name may be a key, written in the wrong place: it must not appear in the message.
            problems.append(Problem(("keys", name) if parse_key(name) is None else ("keys",), str(error)))
    _raise_problems(problems, document)
    try:
        check_unique(keys)
    except ValueError as error:
        _raise_problems([Problem(("keys",), str(error))], document)
    return keys


@contextmanager
def exclusive_access(file: Path, wait_seconds: float = LOCK_SECONDS) -> Iterator[None]:
    """Lock a key file, or create it empty, against other processes that change it.

    Without the lock, a process that has read the file earlier would write a revoked key back.

    Raises:
        OSError: the file cannot be opened, or another process keeps it locked (`TimeoutError`).
    """
    deadline = time.monotonic() + wait_seconds
    while True:
        handle = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if sys.platform != "win32":
                _lock(handle, deadline)
                # `write_keys` replaces the file: the previous owner of the lock may have put another file at this path.
                if not os.path.samestat(os.fstat(handle), file.stat()):
                    continue
            yield
            return
        finally:
            os.close(handle)


def _lock(handle: int, deadline: float) -> None:
    """Lock an open file.

    A lock without an end would hold a thread of the gateway, which then could not end either.

    Raises:
        TimeoutError: another process has it until the deadline, in seconds of the monotonic clock.
    """
    while sys.platform != "win32":
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                message = "another process, perhaps a stopped one, keeps it locked"
                raise TimeoutError(errno.ETIMEDOUT, message) from None
            time.sleep(LOCK_POLL_SECONDS)
        else:
            return


def write_keys(file: Path, keys: Iterable[StoredKey]) -> None:
    """Replace a key file atomically, readable by its owner only.

    Raises:
        OSError: it cannot be written; the previous file is unchanged.
    """
    # A symbolic link stays a link: its target is replaced.
    target = file.resolve()
    text = FILE_HEADER + "".join(f"\n[{format_path(('keys', key.name))}]\n{_format_table(key)}" for key in keys)
    # `mkstemp` creates the file with mode 0600.
    handle, temporary = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as opened:
            _keep_owner(handle, target)
            opened.write(text)
            opened.flush()
            os.fsync(opened.fileno())
        Path(temporary).replace(target)
    except BaseException:
        with suppress(OSError):
            Path(temporary).unlink()
        raise


def _keep_owner(handle: int, target: Path) -> None:
    """Set the owner of the new file to that of the previous one.

    Otherwise, after root has changed the file, the service could not read it, and would keep the revoked keys.
    """
    if sys.platform != "win32":
        # Only root can change an owner; any other user already owns the file it writes.
        with suppress(OSError):
            previous = target.stat()
            os.fchown(handle, previous.st_uid, previous.st_gid)


def _raise_problems(problems: Sequence[Problem], document: Document) -> None:
    if problems:
        located = sorted(map(document.locate, problems[:MAX_SHOWN]))
        raise as_error([message for _, message in located], len(problems))


def _describe(error: ErrorDetails) -> str:
    if error["type"] == "extra_forbidden":
        return unknown_setting(str(error["loc"][-1]), [*KeyTable.model_fields])
    return describe(error["type"], error["msg"])


def _parse_key_table(name: str, value: object) -> StoredKey:
    check_name(name)
    table = KeyTable.model_validate(value)
    check_id_and_hash(table.id, table.hash.get_secret_value())
    return StoredKey(
        name,
        table.id,
        table.hash.get_secret_value(),
        _to_unix(table.created),
        _to_unix(table.expires),
        None if table.models is None else frozenset(table.models),
        frozenset(table.roles),
        PrincipalLimits(**{limit: getattr(table, limit) for limit in LIMIT_FIELDS}),
    )


def _to_unix(moment: datetime | None) -> float | None:
    if moment is None:
        return None
    # A time without a zone is UTC, not local time: the file means the same on every machine.
    try:
        return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).astimezone(UTC).timestamp()
    except OverflowError:
        message = "one of its times is, in UTC, beyond the years 1 to 9999"
        raise ValueError(message) from None


def _format_table(key: StoredKey) -> str:
    lists = {"models": None if key.models is None else sorted(key.models), "roles": sorted(key.roles) or None}
    times = {"created": key.created, "expires": key.expires}
    lines = [
        f"id = {_toml_string(key.id)}",
        f"hash = {_toml_string(key.hash)}",
        *(f"{name} = {_toml_time(time)}" for name, time in times.items() if time is not None),
        *(f"{name} = [{', '.join(map(_toml_string, items))}]" for name, items in lists.items() if items is not None),
        *(f"{name} = {value!r}" for name in LIMIT_FIELDS if (value := getattr(key.limits, name)) is not None),
    ]
    return "\n".join(lines) + "\n"


def _toml_time(unix: float) -> str:
    return datetime.fromtimestamp(unix, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _toml_string(text: str) -> str:
    # A JSON string is a TOML basic string, except that TOML requires DEL to be escaped (toml.io, v1.0.0, "String").
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
