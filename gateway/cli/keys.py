"""`dualstream keys`: create, list, revoke. A key is printed once and then nobody has it but its holder."""

import argparse
import re
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, get_args

from gateway.admission.limits import PrincipalLimits
from gateway.config import variable_name
from gateway.security.api_keys import StoredKey, check_name, generate_key, hash_secret
from gateway.security.key_file import LIMIT_FIELDS, exclusive_access, read_keys, write_keys
from gateway.security.principals import Role

DEFAULT_FILE: Final = Path("dualstream.keys.toml")

_SPAN: Final = re.compile(r"([1-9][0-9]{0,4})d")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command is told."""
    parser.description = (
        "Make, list and revoke the keys of those who may use the gateway. They are kept as hashes in a file of their "
        f"own: that of --file, else the configuration's keys_file, else ./{DEFAULT_FILE}. A running gateway reads it "
        "again on SIGHUP."
    )
    actions = parser.add_subparsers(required=True, metavar="ACTION", dest="action")
    create = actions.add_parser("create", help="make a key and print it, this once")
    create.add_argument("name", metavar="NAME", help="whose it is; a later key of the same name is the same principal")
    create.add_argument("--models", metavar="A,B", help="the models it may ask for (default: all)")
    create.add_argument(
        "--expires", metavar="90d|DATE", help="after so many days, or when that day begins (UTC); default: never"
    )
    create.add_argument("--rate", type=int, metavar="N", help="generations it may start in a minute")
    create.add_argument("--budget", type=float, metavar="USD", help="what it may spend in a UTC day")
    create.add_argument("--max-concurrent", type=int, metavar="N", help="generations of it that run at once")
    create.add_argument("--max-streams", type=int, metavar="N", help="streams and WebSockets that it may read at once")
    create.add_argument(
        "--role",
        action="append",
        choices=get_args(Role),
        help="observe: read all generations and the figures; operate: steer them, too",
    )
    listed = actions.add_parser("list", help="say which keys there are")
    revoke = actions.add_parser("revoke", help="take a key back")
    revoke.add_argument("name", metavar="NAME")
    for one in (create, listed, revoke):
        one.add_argument("--file", type=Path, metavar="FILE", help="the file of keys")


def run(options: argparse.Namespace, named: Path | None, unix: float) -> int:
    """Do what is asked, and give the exit code. `named` is the configuration's file of keys, `unix` the time.

    Raises:
        ConfigurationError: the file can't be read, or something in it is wrong.
    """
    file: Path = options.file or named or DEFAULT_FILE
    try:
        match options.action:
            case "create":
                _create(options, file, unix)
                _say_where(file, named)
            case "revoke":
                _revoke(options.name, file)
            case _:
                print("\n".join(table(read_keys(file), unix)))
    except OSError as error:
        print(f"dualstream: {file}: can't be written: {error.strerror}", file=sys.stderr)
        return 1
    except ValueError as error:
        print(f"dualstream: {error}", file=sys.stderr)
        return 2
    return 0


def _create(options: argparse.Namespace, file: Path, unix: float) -> None:
    check_name(options.name)
    key = generate_key()
    models = None if options.models is None else frozenset(filter(None, map(str.strip, options.models.split(","))))
    if models is not None and not models:
        message = "--models: name one at least"
        raise ValueError(message)
    expires = None if options.expires is None else expiry(options.expires, unix)
    roles: frozenset[Role] = frozenset(options.role or ())
    stored = StoredKey(options.name, key.id, hash_secret(key.secret), unix, expires, models, roles, _limits(options))
    with exclusive_access(file):
        keys = read_keys(file)
        if any(each.name == options.name for each in keys):
            message = f"there is a key {options.name} already: revoke it first, or choose another name"
            raise ValueError(message)
        write_keys(file, [*keys, stored])
    print(key.text())
    print(f"This is the key of {options.name}; it is shown this once. {file} has its hash.", file=sys.stderr)


def _limits(options: argparse.Namespace) -> PrincipalLimits:
    given = {
        "--rate": options.rate,
        "--budget": options.budget,
        "--max-concurrent": options.max_concurrent,
        "--max-streams": options.max_streams,
    }
    for option, value in given.items():
        if value is not None and not 0 <= value < float("inf"):
            message = f"{option}: must be 0 or more; 0 means no limit"
            raise ValueError(message)
    return PrincipalLimits(
        rate_limit_per_minute=options.rate,
        max_concurrent=options.max_concurrent,
        max_streams=options.max_streams,
        budget_per_day=options.budget,
    )


def _say_where(file: Path, named: Path | None) -> None:
    if named is not None and file.resolve() == named.resolve():
        print("A running gateway takes it on SIGHUP (kill -HUP).", file=sys.stderr)
    else:
        told = f'keys_file = "{file}" in the configuration, or {variable_name("keys_file")}={file}'
        print(f"No gateway asks for it yet: {told}", file=sys.stderr)


def _revoke(name: str, file: Path) -> None:
    # One that is not there is not to be made.
    read_keys(file)
    with exclusive_access(file):
        keys = read_keys(file)
        kept = [key for key in keys if key.name != name]
        if len(kept) == len(keys):
            message = f"{file} has no key of that name; there are: {', '.join(key.name for key in keys) or 'none'}"
            raise ValueError(message)
        write_keys(file, kept)
    print("Revoked. A running gateway refuses it after SIGHUP (kill -HUP).", file=sys.stderr)


def expiry(given: str, unix: float) -> float:
    """Read when a key expires: `90d`, `2027-01-31`, `2027-01-31T12:00Z`; in seconds since 1970.

    Raises:
        ValueError: it is none of these, or past.
    """
    message = "--expires: must be days such as 90d, or a date such as 2027-01-31"
    if (days := _SPAN.fullmatch(given)) is not None:
        return unix + timedelta(days=int(days[1])).total_seconds()
    try:
        moment = datetime.fromisoformat(given)
    except ValueError:
        raise ValueError(message) from None
    expires = (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()
    if expires <= unix:
        message = "--expires: that is past"
        raise ValueError(message)
    return expires


def table(keys: Sequence[StoredKey], unix: float) -> list[str]:
    """List keys, without their hashes."""
    rows = [("NAME", "ID", "CREATED", "EXPIRES", "MODELS", "ROLES", "LIMITS"), *(_row(key, unix) for key in keys)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _row(key: StoredKey, unix: float) -> tuple[str, ...]:
    over = " (over)" if key.expires is not None and key.expires <= unix else ""
    limits = [f"{name}={value}" for name in LIMIT_FIELDS if (value := getattr(key.limits, name)) is not None]
    return (
        key.name,
        key.id,
        _day(key.created),
        (_day(key.expires) if key.expires is not None else "never") + over,
        "all" if key.models is None else ",".join(sorted(key.models)) or "none",
        ",".join(sorted(key.roles)) or "-",
        ",".join(limits) or "-",
    )


def _day(unix: float | None) -> str:
    return "?" if unix is None else datetime.fromtimestamp(unix, UTC).strftime("%Y-%m-%d")
