"""Parse the URL of a Redis deployment. Pure.

The schemes are those of redis-py (`redis`, `rediss`, `unix`), with the topology after a plus sign where it is not one
server: `redis+sentinel`, `redis+cluster`. `valkey` stands for `redis` in each. Query parameters have the names that
redis-py uses: https://redis.readthedocs.io/en/stable/connections.html
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import parse_qsl, unquote

Topology = Literal["single", "sentinel", "cluster"]
Host = tuple[str, int]

FORMS: Final = (
    "redis://[user:password@]host[:port][/db], rediss:// (TLS), unix:///path/of/socket[?db=n], "
    "redis+sentinel://[user:password@]host[:port],host…/service[/db], "
    "redis+cluster://[user:password@]host[:port],host…; rediss+sentinel and rediss+cluster use TLS"
)
"""The forms of a URL, for messages."""

_SCHEME: Final = re.compile(r"(?P<scheme>rediss|valkeys|redis|valkey)(?:\+(?P<topology>sentinel|cluster))?|unix")
_HOST: Final = re.compile(r"(?P<host>\[[0-9A-Fa-f:.%]+\]|[^\[\]:/?#@,\s]+)(?::(?P<port>\d{1,5}))?")
_PORTS: Final[Mapping[Topology, int]] = {"single": 6379, "cluster": 6379, "sentinel": 26379}


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user and a password; empty ones are not sent."""

    username: str = ""
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Tls:
    """How a server proves who it is, and how this client does. Paths of PEM files; "": the system's, or none."""

    ca_file: str = ""
    certificate_file: str = ""
    key_file: str = ""
    check_hostname: bool = True


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """Where Redis is, and how to log in. `hosts` are Sentinels or some of the nodes where there are several."""

    topology: Topology
    hosts: Sequence[Host]
    credentials: Credentials = Credentials()
    sentinel_credentials: Credentials = Credentials()
    tls: Tls | None = None
    db: int = 0
    service: str = ""
    socket_path: str = ""

    def __str__(self) -> str:
        """Return it without secrets, for logs."""
        if self.socket_path:
            return self.socket_path
        hosts = ",".join(map(format_host, self.hosts))
        return f"{hosts} (service {self.service})" if self.service else hosts


def format_host(host: Host) -> str:
    """Return a host and its port, as they stand in a URL."""
    name, port = host
    return f"[{name}]:{port}" if ":" in name else f"{name}:{port}"


def parse_address(url: str, password: str = "") -> RedisAddress:
    """Parse a URL. `password` is used if the URL has none: it need not stand in a file.

    Raises:
        ValueError: it is not such a URL. The message never repeats the part before an "@".
    """
    scheme, separator, rest = url.partition("://")
    form = _SCHEME.fullmatch(scheme.lower())
    if form is None or not separator:
        raise _invalid(f'it begins with "{scheme[:20]}", which is none of them' if separator else "it has no ://")
    rest, _, query = rest.partition("?")
    parameters = _parameters(query)
    userinfo, _, rest = rest.rpartition("@")
    credentials = _credentials(userinfo, password)
    if scheme.lower() == "unix":
        return _at_socket(rest, credentials, parameters)
    topology: Topology = form["topology"] or "single"  # type: ignore[assignment]
    hosts, _, path = rest.partition("/")
    tls = _tls(parameters) if form["scheme"] in {"rediss", "valkeys"} else None
    service, db = _path(topology, path, parameters)
    sentinel = Credentials(parameters.pop("sentinel_username", ""), parameters.pop("sentinel_password", ""))
    if parameters:
        names = ", ".join(sorted(parameters))
        raise _invalid(f"unknown parameters after the question mark: {names}")
    return RedisAddress(topology, _hosts(hosts, topology), credentials, sentinel, tls, db, service)


def _invalid(problem: str) -> ValueError:
    return ValueError(f"is not a valid URL: {problem}. Its forms: {FORMS}")


def _parameters(query: str) -> dict[str, str]:
    try:
        return dict(parse_qsl(query, keep_blank_values=True, strict_parsing=True)) if query else {}
    except ValueError:
        raise _invalid("after the question mark, name=value is expected") from None


def _credentials(userinfo: str, password: str) -> Credentials:
    username, separator, own = userinfo.partition(":")
    return Credentials(unquote(username), unquote(own) if separator and own else password)


def _at_socket(path: str, credentials: Credentials, parameters: dict[str, str]) -> RedisAddress:
    db = parameters.pop("db", "0")
    if parameters or not path.startswith("/"):
        raise _invalid("unix:// is followed by an absolute path, and at most by ?db=n")
    return RedisAddress("single", (), credentials, db=_db(db), socket_path=unquote(path))


def _path(topology: Topology, path: str, parameters: dict[str, str]) -> tuple[str, int]:
    parts = path.split("/") if path else []
    service = unquote(parts.pop(0)) if topology == "sentinel" and parts else ""
    if topology == "sentinel" and not service:
        raise _invalid("the name of the service is missing: redis+sentinel://host:26379/mymaster")
    if len(parts) > 1:
        raise _invalid("its path has too many parts")
    db = _db(parts[0] if parts and parts[0] else parameters.pop("db", "0"))
    if topology == "cluster" and db:
        raise _invalid(f"a Redis Cluster has no database {db}, only 0: remove it")
    return service, db


def _db(text: str) -> int:
    if not text.isdecimal() or len(text) > 5:
        raise _invalid("a database is a number, as in redis://host:6379/0")
    return int(text)


def _hosts(text: str, topology: Topology) -> Sequence[Host]:
    found = [_host(part, _PORTS[topology]) for part in text.split(",")]
    if topology == "single" and len(found) > 1:
        raise _invalid("redis:// names one server; several are redis+cluster:// or redis+sentinel://")
    return tuple(found)


def _host(text: str, default_port: int) -> Host:
    match = _HOST.fullmatch(text)
    if match is None or not 0 < int(match["port"] or default_port) < 65536:
        # A password with a slash, say, would stand here.
        raise _invalid("a host is missing or wrong (in a password, write / as %2F, @ as %40, # as %23)")
    return match["host"].strip("[]"), int(match["port"] or default_port)


def _tls(parameters: dict[str, str]) -> Tls:
    check = parameters.pop("ssl_check_hostname", "true").lower()
    if check not in {"true", "false", "yes", "no", "1", "0"}:
        raise _invalid("ssl_check_hostname is true or false")
    authority, certificate, key = (parameters.pop(name, "") for name in ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile"))
    return Tls(authority, certificate, key, check in {"true", "yes", "1"})
