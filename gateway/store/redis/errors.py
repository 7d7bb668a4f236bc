"""Translate the errors of redis-py to those of a store: the one edge where they are known."""

import os
import socket
import ssl
from typing import Final

from redis import exceptions
from redis.exceptions import RedisError

from gateway.store.errors import StoreError, StoreFault

_INSIDE: Final[tuple[tuple[str, StoreFault, str], ...]] = (
    ("OOM command not allowed", "full", "has no memory left (maxmemory)"),
    ("READONLY", "read_only", "is a replica, which takes no writes"),
    ("read only replica", "read_only", "is a replica, which takes no writes"),
    ("MISCONF", "read_only", "takes no writes: it can't save its data to disk"),
    ("NOREPLICAS", "read_only", "takes no writes: too few replicas are connected (min-replicas-to-write)"),
    ("NOMASTERLINK", "read_only", "is a replica without its primary"),
    ("BUSY ", "timeout", "is busy with a script"),
    ("ERR DB index is out of range", "refused", "has no such database: correct the number at the end of the URL"),
    ("DB index is out of range", "refused", "has no such database: correct the number at the end of the URL"),
)
"""Replies by what they contain: Redis 6.2 reports a failure inside of a script as a text around it."""

_DAMAGE: Final = (
    "WRONGTYPE",
    "is not an integer",
    "is not a float",
    "is not a valid float",
    ": attempt to ",
    ": bad argument ",
)
"""Parts of replies about a value of another type, or with other contents, than a command or a script expects."""


_KINDS: Final[tuple[tuple[type[RedisError], StoreFault, str], ...]] = (
    (exceptions.BusyLoadingError, "unreachable", "is still loading its data"),
    (exceptions.OutOfMemoryError, "full", "has no memory left (maxmemory)"),
    (exceptions.ReadOnlyError, "read_only", "is a replica, which takes no writes"),
    (exceptions.ClusterDownError, "unreachable", "is down: not all slots of the cluster are served"),
    (exceptions.MasterDownError, "unreachable", "has lost its primary"),
    (exceptions.TryAgainError, "unreachable", "is moving keys to another node"),
    (exceptions.MovedError, "refused", "is a node of a cluster: use redis+cluster://"),
    (exceptions.TimeoutError, "timeout", "did not answer in time"),
    (exceptions.InvalidResponse, "refused", "does not speak its protocol: does the port expect TLS (rediss://)?"),
)
"""Errors by their class. What redis-py derives from its ConnectionError, but is no failure of one, comes first."""


def translate(error: RedisError, where: str) -> StoreError:
    """Return an error of a store for one of redis-py. `where` names the server; no secret is in the message."""
    if isinstance(error, exceptions.ConnectionError) and isinstance(error.__cause__, RedisError):
        # Over a Unix socket, redis-py wraps what it gets when it logs in.
        error = error.__cause__
    fault, problem = _describe(error)
    return StoreError(fault, f"Redis at {where} {problem}")


def is_damage(error: RedisError) -> bool:
    """Return True for the error of a call whose keys hold something else than this gateway stores there."""
    return any(part in str(error) for part in _DAMAGE)


def _describe(error: RedisError) -> tuple[StoreFault, str]:
    if isinstance(error, exceptions.AuthenticationError | exceptions.AuthorizationError):
        return "refused", _credentials_problem(str(error))
    if isinstance(error, exceptions.NoPermissionError):
        return "refused", f"does not allow it: give the user of `store` the right (ACL SETUSER): {error}"
    for kind, fault, problem in _KINDS:
        if isinstance(error, kind):
            return fault, problem
    if isinstance(error, exceptions.ConnectionError):
        return _connection_problem(error)
    return _reply_problem(error)


def _credentials_problem(text: str) -> str:
    if "NOAUTH" in text or "Authentication required" in text:
        return "requires a password: set `store_password`, or put it in the URL as redis://user:password@host"
    if "without any password configured" in text or "no password is set" in text:
        return "has no password for its default user: remove it from the URL and from `store_password`"
    return "refuses the user name or the password: correct the URL or `store_password`"


def _connection_problem(error: RedisError) -> tuple[StoreFault, str]:
    cause = error.__cause__ or error.__context__
    match cause:
        case ssl.SSLCertVerificationError():
            reason = getattr(cause, "verify_message", "") or str(cause)
            return "refused", f"has a certificate that is not trusted ({reason}): name its CA by ?ssl_ca_certs=FILE"
        case ssl.SSLError():
            return "refused", _tls_problem(cause)
        case socket.gaierror():
            return "unreachable", "can't be reached: no address is known for this host name"
        case OSError():
            # Without a number, asyncio has joined the errors of several addresses in one text.
            reason = os.strerror(cause.errno) if cause.errno else str(cause)
            return "unreachable", f"can't be reached: {reason[:300]}"
        case _ if "max number of clients" in str(error):
            return "unreachable", "has too many clients (maxclients)"
        case _:
            return "unreachable", "has closed the connection, or can't be reached"


def _tls_problem(error: ssl.SSLError) -> str:
    # Only errors of OpenSSL itself have a reason.
    reason = (getattr(error, "reason", "") or "").replace("_", " ").lower()
    if reason in {"wrong version number", "record layer failure", "packet length too long"}:
        return "does not use TLS at this port: use redis:// in place of rediss://, or its TLS port"
    if "certificate required" in reason or "handshake failure" in reason:
        return "requires a certificate of the client: add ?ssl_certfile=FILE&ssl_keyfile=FILE to the URL"
    return f"can't be reached by TLS: {reason or 'the handshake failed'}"


def _reply_problem(error: RedisError) -> tuple[StoreFault, str]:
    text = str(error)
    for part, fault, problem in _INSIDE:
        if part in text:
            return fault, problem
    kind = "answered with an error" if isinstance(error, exceptions.ResponseError) else "failed"
    return "refused", f"{kind}: {text[:300]}"
