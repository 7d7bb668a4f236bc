"""Errors of redis-py as those of a store. What real servers say is tested in tests/integration/store."""

import socket
import ssl

import pytest
from redis import exceptions
from redis.exceptions import RedisError

from gateway.store.errors import StoreFault
from gateway.store.redis.errors import is_damage, translate


def caused(error: RedisError, cause: BaseException) -> RedisError:
    """Return an error with its cause."""
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "fault", "text"),
    [
        (exceptions.AuthenticationError("invalid username-password pair"), "refused", "refuses the user name"),
        (exceptions.AuthenticationError("Authentication required."), "refused", "requires a password"),
        (exceptions.NoPermissionError("User x has no permissions"), "refused", "ACL SETUSER"),
        (exceptions.BusyLoadingError("Redis is loading"), "unreachable", "loading its data"),
        (exceptions.OutOfMemoryError("command not allowed"), "full", "maxmemory"),
        (exceptions.ReadOnlyError("You can't write"), "read_only", "takes no writes"),
        (exceptions.ClusterDownError("CLUSTERDOWN Hash slot not served"), "unreachable", "slots of the cluster"),
        (exceptions.TimeoutError("x"), "timeout", "in time"),
        (exceptions.ConnectionError("Connection closed by server."), "unreachable", "closed the connection"),
        (exceptions.ConnectionError("max number of clients reached"), "unreachable", "maxclients"),
        (exceptions.InvalidResponse("Protocol error"), "refused", "rediss://"),
        (exceptions.ResponseError("MISCONF Errors writing to the AOF file"), "read_only", "save its data"),
        (exceptions.ResponseError("ERR Error running script: -OOM command not allowed when"), "full", "maxmemory"),
        (exceptions.ResponseError("ERR Error running script: -READONLY You can't"), "read_only", "no writes"),
        (exceptions.ResponseError("BUSY Redis is busy running a script"), "timeout", "busy"),
        (exceptions.ResponseError("ERR unknown command"), "refused", "answered with an error: ERR unknown"),
        (caused(exceptions.ConnectionError("x"), ConnectionRefusedError(111, "x")), "unreachable", "refused"),
        (caused(exceptions.ConnectionError("x"), OSError("Multiple exceptions: a, b")), "unreachable", "a, b"),
        (caused(exceptions.ConnectionError("x"), socket.gaierror(-2, "x")), "unreachable", "host name"),
        (caused(exceptions.ConnectionError("x"), ssl.SSLCertVerificationError(1, "x")), "refused", "not trusted"),
        (caused(exceptions.ConnectionError("x"), ssl.SSLError(1, "x")), "refused", "handshake failed"),
        (
            caused(exceptions.ConnectionError("x"), exceptions.AuthenticationError("Authentication required.")),
            "refused",
            "requires a password",
        ),
    ],
)
def test_each_error_has_its_fault(error: RedisError, fault: StoreFault, text: str) -> None:
    translated = translate(error, "h:1")
    assert (translated.fault, text in translated.message) == (fault, True), translated.message
    assert translated.message.startswith("Redis at h:1 ")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("WRONGTYPE Operation against a key holding the wrong kind of value", True),
        ("ERR Error running script (call to f_1): @user_script:9: WRONGTYPE Operation against a key", True),
        ("user_script:14: attempt to compare nil with number script: 1, on @user_script:14.", True),
        ("user_script:120: bad argument #1 to 'sub' (string expected, got nil) script: 1", True),
        ("ERR hash value is not an integer script: 1, on @user_script:3.", True),
        ("ERR Error running script: -OOM command not allowed when", False),
        ("ERR unknown command", False),
    ],
)
def test_values_that_are_not_ours_are_told_from_other_errors(text: str, *, expected: bool) -> None:
    assert is_damage(exceptions.ResponseError(text)) is expected
