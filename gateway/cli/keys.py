"""`dualstream keys`: create, list and revoke keys. A new key is printed once; the file stores only its hash."""

import argparse
import os
import re
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, get_args

from gateway.admission.limits import PrincipalLimits
from gateway.config import ConfigurationError, find_file, find_keys_file, variable_name
from gateway.security.api_keys import StoredKey, check_name, generate_key, hash_secret
from gateway.security.key_changes import add_key, remove_keys
from gateway.security.key_file import LIMIT_FIELDS, read_keys
from gateway.security.principals import Role

DEFAULT_FILE: Final = Path("dualstream.keys.toml")
"""File of keys that is used if neither `--file` nor the configuration names one."""

_DAYS: Final = re.compile(r"([1-9][0-9]{0,4})d")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command to its parser."""
    parser.description = (
        "Create, list and revoke the keys with which clients use the gateway. The file of keys stores their hashes. It "
        f"is that of --file, else the configuration's keys_file, else ./{DEFAULT_FILE}. A running gateway follows its "
        "changes within 2 seconds."
    )
    actions = parser.add_subparsers(required=True, metavar="ACTION", dest="action")
    create = actions.add_parser("create", help="create a key and print it once")
    create.add_argument(
        "name",
        metavar="NAME",
        help="name of the principal; a later key with the same name identifies the same principal",
    )
    create.add_argument("--models", metavar="A,B", help="models that the key may use (default: all)")
    create.add_argument(
        "--expires",
        metavar="90d|DATE",
        help="number of days, or the day at whose start (UTC) the key expires; default: never",
    )
    create.add_argument("--rate", type=int, metavar="N", help="maximum number of generations started per minute")
    create.add_argument("--budget", type=float, metavar="USD", help="maximum cost per UTC day, in US dollars")
    create.add_argument("--max-concurrent", type=int, metavar="N", help="maximum number of running generations")
    create.add_argument("--max-streams", type=int, metavar="N", help="maximum number of open streams and WebSockets")
    create.add_argument(
        "--role",
        action="append",
        choices=get_args(Role),
        help="observe: read all generations and the statistics; operate: also control them",
    )
    list_keys = actions.add_parser("list", help="list the keys")
    revoke = actions.add_parser("revoke", help="revoke a key")
    revoke.add_argument("name", metavar="NAME", help="name of the key")
    for action in (create, list_keys, revoke):
        action.add_argument("--file", type=Path, metavar="FILE", help="file of keys")


def run(options: argparse.Namespace) -> int:
    """Run the action and return the exit code."""
    try:
        configured = find_keys_file(os.environ, find_file(None, os.environ))
        return _run_action(options, configured, time.time())
    except ConfigurationError as error:
        print(f"dualstream: {error}", file=sys.stderr)
        return 2


def _run_action(options: argparse.Namespace, configured: Path | None, unix: float) -> int:
    """Run the action and return the exit code.

    `configured` is the file of keys that the configuration names, `unix` the current time in seconds since 1970.

    Raises:
        ConfigurationError: the file can't be read, or its content is wrong.
    """
    file: Path = options.file or configured or DEFAULT_FILE
    try:
        match options.action:
            case "create":
                _create(options, file, unix)
                _print_next_step(file, configured)
            case "revoke":
                _revoke(options.name, file)
            case _:
                print("\n".join(format_table(read_keys(file), unix)))
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
        message = "--models: name at least one model"
        raise ValueError(message)
    expires = None if options.expires is None else parse_expiry(options.expires, unix)
    roles: frozenset[Role] = frozenset(options.role or ())
    limits = _parse_limits(options)
    stored = StoredKey(options.name, key.id, hash_secret(key.secret), unix, expires, models, roles, limits)
    add_key(file, stored, create=True)
    _print_key(key.text(), options.name)
    print(f"This is the key of {options.name}. It is not shown again: {file} stores only its hash.", file=sys.stderr)


def _print_key(text: str, name: str) -> None:
    try:
        print(text, flush=True)
    except OSError as error:
        message = f"the key of {name} is stored, but can't be printed ({error.strerror}): revoke it, and create another"
        raise ValueError(message) from None


def _parse_limits(options: argparse.Namespace) -> PrincipalLimits:
    values = {
        "--rate": options.rate,
        "--budget": options.budget,
        "--max-concurrent": options.max_concurrent,
        "--max-streams": options.max_streams,
    }
    for option, value in values.items():
        if value is not None and not 0 <= value < float("inf"):
            message = f"{option}: must be 0 or more; 0 means no limit"
            raise ValueError(message)
    return PrincipalLimits(
        rate_limit_per_minute=options.rate,
        max_concurrent=options.max_concurrent,
        max_streams=options.max_streams,
        budget_per_day=options.budget,
    )


def _print_next_step(file: Path, configured: Path | None) -> None:
    if configured is not None and file.resolve() == configured.resolve():
        print("A running gateway accepts it within 2 seconds.", file=sys.stderr)
    else:
        setting = f'keys_file = "{file}" in the configuration, or {variable_name("keys_file")}={file}'
        print(f"The configuration does not name this file yet: set {setting}", file=sys.stderr)


def _revoke(name: str, file: Path) -> None:
    remove_keys(file, lambda key: key.name == name)
    print("Revoked. A running gateway that uses this file refuses it within 2 seconds.", file=sys.stderr)


def parse_expiry(text: str, unix: float) -> float:
    """Parse the time at which a key expires, and return it in seconds since 1970.

    The forms are `90d` (days from now), `2027-01-31` and `2027-01-31T12:00Z`; a time without a zone is in UTC.

    Raises:
        ValueError: the form is another, or the time is in the past.
    """
    message = "--expires: must be a number of days such as 90d, or a date such as 2027-01-31"
    if (days := _DAYS.fullmatch(text)) is not None:
        return unix + timedelta(days=int(days[1])).total_seconds()
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(message) from None
    expires = (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()
    if expires <= unix:
        message = "--expires: is in the past"
        raise ValueError(message)
    return expires


def format_table(keys: Sequence[StoredKey], unix: float) -> list[str]:
    """Return the lines of a table of keys, without their hashes."""
    rows = [
        ("NAME", "ID", "CREATED", "EXPIRES", "MODELS", "ROLES", "LIMITS"),
        *(_format_row(key, unix) for key in keys),
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _format_row(key: StoredKey, unix: float) -> tuple[str, ...]:
    expired = " (expired)" if key.expires is not None and key.expires <= unix else ""
    limits = [f"{name}={value}" for name in LIMIT_FIELDS if (value := getattr(key.limits, name)) is not None]
    return (
        key.name,
        key.id,
        _format_day(key.created),
        (_format_day(key.expires) if key.expires is not None else "never") + expired,
        "all" if key.models is None else ",".join(sorted(key.models)) or "none",
        ",".join(sorted(key.roles)) or "-",
        ",".join(limits) or "-",
    )


def _format_day(unix: float | None) -> str:
    return "?" if unix is None else datetime.fromtimestamp(unix, UTC).strftime("%Y-%m-%d")
