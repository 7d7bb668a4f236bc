"""What servers tell about themselves, and what a gateway says to it."""

import logging

import pytest

from gateway.store.errors import StoreError
from gateway.store.redis.checks import check_info
from gateway.toml.problems import ConfigurationError

FINE = "\r\n".join(
    [
        "# Server",
        "redis_version:7.0.15",
        "redis_mode:standalone",
        "",
        "role:master",
        "loading:0",
        "maxmemory_policy:noeviction",
    ]
)
VALKEY = "redis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:8.1.0\r\nrole:master"


@pytest.mark.parametrize("text", [FINE, VALKEY, "redis_version:6.2.0", "redis_version:255.255.255"])
def test_a_server_that_can_be_used(text: str, caplog: pytest.LogCaptureFixture) -> None:
    check_info("h:1", text, in_cluster=False)
    assert not caplog.records


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("redis_version:6.0.16", "has version 6.0.16: 6.2 or later is needed"),
        ("redis_version:5.0.7", "has version 5.0.7"),
        ("", "has version unknown"),
        (FINE.replace("master", "slave"), "is a replica"),
        (FINE.replace("standalone", "sentinel"), "use redis+sentinel://h:1/SERVICE"),
        (f"{FINE}\r\ncluster_enabled:1", "use redis+cluster://h:1"),
    ],
)
def test_what_must_be_changed(text: str, problem: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        check_info("h:1", text, in_cluster=False)
    assert problem in str(error.value)


def test_a_server_that_is_not_ready_yet() -> None:
    with pytest.raises(StoreError, match="still loading"):
        check_info("h:1", FINE.replace("loading:0", "loading:1"), in_cluster=False)


def test_a_node_of_a_cluster() -> None:
    check_info("h:1", f"{FINE}\r\ncluster_enabled:1", in_cluster=True)


def test_an_eviction_policy_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    check_info("h:1", FINE.replace("noeviction", "volatile-lru"), in_cluster=False)
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "volatile-lru" in record.getMessage()
