"""The file of keys: TOML with a table `[keys.NAME]` each, read with the configuration, written by `dualstream keys`."""

import json
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from gateway.admission.limits import PrincipalLimits
from gateway.security.api_keys import StoredKey, check_id_and_hash, check_name, check_unique, parse_key
from gateway.security.principals import Role
from gateway.toml.document import Document, read
from gateway.toml.problems import Problem, as_error, format_path, unknown_setting

if sys.platform != "win32":
    import fcntl

FILE_HEADER: Final = """\
# The keys of a Dualstream gateway, written by `dualstream keys`, which keeps no comment but this one.
# No key can be had from its hash. A running gateway reads this file again on SIGHUP.
"""

Limit = Annotated[int, Field(ge=0)]


class KeyTable(BaseModel):
    """What a key's table may hold; limits as in the configuration, for this key alone."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

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
        ConfigurationError: it can't be read, or something in it is wrong; with the line, and without any hash.
    """
    document = read(file)
    problems: list[Problem] = []
    found: list[StoredKey] = []
    tables = document.values.get("keys", {})
    problems += [Problem((name,), unknown_setting(name, ["keys"])) for name in document.values if name != "keys"]
    if not isinstance(tables, dict):
        problems.append(Problem(("keys",), "must be a table"))
        tables = {}
    for name, table in tables.items():
        try:
            found.append(_key(name, table))
        except ValidationError as error:
            problems += [
                Problem(("keys", name, *detail["loc"]), detail["msg"].removeprefix("Input "))
                for detail in error.errors(include_url=False, include_context=False, include_input=False)
            ]
        except ValueError as error:
            # A key that was written in place of a name is not to be shown.
            problems.append(Problem(("keys", name) if parse_key(name) is None else ("keys",), str(error)))
    _refuse(problems, document)
    try:
        check_unique(found)
    except ValueError as error:
        _refuse([Problem(("keys",), str(error))], document)
    return found


@contextmanager
def exclusive_access(file: Path) -> Iterator[None]:
    """Keep others from changing a file of keys meanwhile: what they write would bring a revoked key back.

    Raises:
        OSError: it can't be opened; one that is not there is made, without keys.
    """
    while True:
        handle = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if sys.platform != "win32":
                fcntl.flock(handle, fcntl.LOCK_EX)
                # Who had it before may have put another one in its place.
                if not os.path.samestat(os.fstat(handle), file.stat()):
                    continue
            yield
            return
        finally:
            os.close(handle)


def write_keys(file: Path, keys: Iterable[StoredKey]) -> None:
    """Write a file of keys in place of what there is, at once and for its owner alone.

    Raises:
        OSError: it can't be written; then what there was is as it was.
    """
    # A link stays one: what it leads to is replaced.
    target = file.resolve()
    text = FILE_HEADER + "".join(f"\n[{format_path(('keys', key.name))}]\n{_table(key)}" for key in keys)
    # `mkstemp` makes it for its owner alone (mode 0600).
    handle, made = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as opened:
            _keep_owner(handle, target)
            opened.write(text)
            opened.flush()
            os.fsync(opened.fileno())
        Path(made).replace(target)
    except BaseException:
        with suppress(OSError):
            Path(made).unlink()
        raise


def _keep_owner(handle: int, target: Path) -> None:
    """Give the new file to whose the former one is: a service that can't read it would go on with revoked keys."""
    if sys.platform != "win32":
        # Only root can; all others own what they write.
        with suppress(OSError):
            former = target.stat()
            os.fchown(handle, former.st_uid, former.st_gid)


def _refuse(problems: Sequence[Problem], document: Document) -> None:
    if problems:
        raise as_error([message for _, message in sorted(map(document.locate, problems))])


def _key(name: str, value: object) -> StoredKey:
    check_name(name)
    table = KeyTable.model_validate(value)
    check_id_and_hash(table.id, table.hash.get_secret_value())
    return StoredKey(
        name,
        table.id,
        table.hash.get_secret_value(),
        _unix(table.created),
        _unix(table.expires),
        None if table.models is None else frozenset(table.models),
        frozenset(table.roles),
        PrincipalLimits(**{limit: getattr(table, limit) for limit in LIMIT_FIELDS}),
    )


def _unix(moment: datetime | None) -> float | None:
    if moment is None:
        return None
    # A time without a zone is one of UTC: nothing here depends on where the machine stands.
    try:
        return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).astimezone(UTC).timestamp()
    except OverflowError:
        message = "a time of it is, in UTC, beyond the years 1 to 9999"
        raise ValueError(message) from None


def _table(key: StoredKey) -> str:
    lists = {"models": None if key.models is None else sorted(key.models), "roles": sorted(key.roles) or None}
    times = {"created": key.created, "expires": key.expires}
    lines = [
        f"id = {_quoted(key.id)}",
        f"hash = {_quoted(key.hash)}",
        *(f"{name} = {_moment(time)}" for name, time in times.items() if time is not None),
        *(f"{name} = [{', '.join(map(_quoted, words))}]" for name, words in lists.items() if words is not None),
        *(f"{name} = {value!r}" for name in LIMIT_FIELDS if (value := getattr(key.limits, name)) is not None),
    ]
    return "\n".join(lines) + "\n"


def _moment(unix: float) -> str:
    return datetime.fromtimestamp(unix, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _quoted(text: str) -> str:
    # A JSON string is a TOML one, but for DEL, which TOML wants escaped.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
