"""What an operator may get wrong: each is told at the start, with what to change, and without a secret."""

import logging
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from gateway.store.errors import StoreError
from gateway.store.redis.store import RedisStore
from gateway.toml.problems import ConfigurationError
from tests.certificates import Authority
from tests.integration.processes import Server
from tests.integration.redis_cluster import RedisCluster
from tests.integration.redis_sentinel import SERVICE, WatchedPair, watched_pair
from tests.integration.redis_server import redis_server
from tests.integration.starts import free_port

SECRET = "s3cr3t/#@"
QUOTED = "s3cr3t%2F%23%40"


async def start(url: str, password: str = "", timeout: float = 5.0) -> None:
    """Start a store at this URL."""
    store = RedisStore(url, password=password, timeout=timeout)
    try:
        await store.start()
        assert await store.logs.owned("x") == []
    finally:
        await store.close()


async def refusal(url: str, password: str = "") -> str:
    """Return why a store can't be used, an error of its configuration."""
    with pytest.raises(ConfigurationError) as error:
        await start(url, password)
    assert "s3cr3t" not in str(error.value)
    assert "wrong" not in str(error.value).replace("host is missing or wrong", "")
    return str(error.value)


async def fault(url: str, timeout: float = 5.0) -> tuple[str, str]:
    """Return why a store can't be reached."""
    with pytest.raises(StoreError) as error:
        await start(url, timeout=timeout)
    return error.value.fault, error.value.message


@pytest.fixture(scope="module")
def secured() -> Iterator[Server]:
    with redis_server("--requirepass", SECRET) as server:
        yield server


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WatchedPair]:
    with watched_pair(tmp_path_factory.mktemp("sentinel")) as started:
        yield started


async def test_a_password_is_in_the_url_or_a_setting_of_its_own(secured: Server) -> None:
    address = secured.url.removeprefix("redis://")
    await start(f"redis://:{QUOTED}@{address}/3")
    await start(f"redis://default:{QUOTED}@{address}")
    await start(secured.url, SECRET)


async def test_a_wrong_password_is_told(secured: Server) -> None:
    address = secured.url.removeprefix("redis://")
    assert "requires a password: set `store_password`" in await refusal(secured.url)
    for url in (f"redis://:s3cr3t_wrong@{address}", f"redis://nobody:s3cr3t_wrong@{address}"):
        assert "refuses the user name or the password" in await refusal(url)
    assert "refuses the user name or the password" in await refusal(secured.url, "s3cr3t_wrong")


async def test_a_password_where_none_is_set_is_told(redis_url: str) -> None:
    assert "has no password for its default user" in await refusal(redis_url, SECRET)


async def test_a_right_that_is_missing_is_told(redis_url: str) -> None:
    with redis_server("--user", *["limited", "on", "nopass", "~*", "+ping", "+client"]) as server:
        message = await refusal(server.url.replace("redis://", "redis://limited:x@"))
    assert "ACL SETUSER" in message
    assert "'info'" in message


async def test_an_unreachable_server_is_told() -> None:
    port = free_port()
    kind, message = await fault(f"redis://127.0.0.1:{port}")
    assert (kind, message) == ("unreachable", f"Redis at 127.0.0.1:{port} can't be reached: Connection refused")
    kind, message = await fault("redis://nowhere.invalid")
    assert kind == "unreachable"
    assert "no address is known for this host name" in message
    kind, message = await fault(f"redis+cluster://127.0.0.1:{port},nowhere.invalid")
    assert kind == "unreachable"
    kind, message = await fault(f"redis+sentinel://127.0.0.1:{port},nowhere.invalid/{SERVICE}")
    assert kind == "unreachable"
    kind, message = await fault("unix:///nonexistent/redis.sock")
    assert kind == "unreachable"


async def test_a_database_that_does_not_exist_is_told(redis_url: str) -> None:
    assert "has no such database" in await refusal(f"{redis_url}/99")


async def test_a_node_of_a_cluster_is_told_and_one_that_is_none(cluster: RedisCluster, redis_url: str) -> None:
    assert "use redis+cluster://" in await refusal(cluster.nodes[0].url)
    assert "is no cluster: use redis://" in await refusal(redis_url.replace("redis://", "redis+cluster://"))


async def test_a_cluster_without_all_slots_is_told(tmp_path: Path) -> None:
    options = ("--cluster-enabled", "yes", "--dir", str(tmp_path), "--cluster-port", str(free_port()))
    with redis_server(*options) as server:
        url = server.url.replace("redis://", "redis+cluster://")
        assert "16384 slots of the Redis Cluster have no node" in await refusal(url)


async def test_a_sentinel_leads_to_the_primary(pair: WatchedPair) -> None:
    await start(pair.url)


async def test_what_is_wrong_with_a_sentinel_is_told(pair: WatchedPair, redis_url: str) -> None:
    address = redis_url.removeprefix("redis://")
    assert 'knows no service "other"' in await refusal(f"redis+sentinel://{pair.sentinel}/other")
    assert "is no Sentinel: use redis://" in await refusal(f"redis+sentinel://{address}/{SERVICE}")
    assert "is a Sentinel: use redis+sentinel://" in await refusal(f"redis://{pair.sentinel}")
    # One that is wrong or gone does not matter while another one answers.
    await start(f"redis+sentinel://{address},127.0.0.1:{free_port()},{pair.sentinel}/{SERVICE}")


async def test_a_replica_is_told(pair: WatchedPair) -> None:
    assert "is a replica, which takes no writes: name its primary" in await refusal(pair.replica.url)


async def test_a_unix_socket_is_used(tmp_path: Path) -> None:
    path = tmp_path / "redis.sock"
    with redis_server("--unixsocket", str(path), "--requirepass", SECRET):
        await start(f"unix://:{QUOTED}@{path}?db=2")
        assert "requires a password" in await refusal(f"unix://{path}")


async def test_an_eviction_policy_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    with redis_server("--maxmemory-policy", "allkeys-lru") as server:
        await start(server.url)
    (record,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert "maxmemory-policy allkeys-lru" in record.getMessage()


async def test_tls_is_used_and_what_is_wrong_with_it_is_told(tmp_path: Path, redis_url: str) -> None:
    authority = Authority(tmp_path)
    certificate = str(authority.issue("localhost"))
    own = ("--tls-cert-file", certificate, "--tls-key-file", certificate)
    files = (*own, "--tls-ca-cert-file", str(authority.ca_file))
    port, closed_port = free_port(), free_port()
    with ExitStack() as stack:
        stack.enter_context(redis_server("--tls-port", str(port), "--tls-auth-clients", "no", *files))
        stack.enter_context(redis_server("--tls-port", str(closed_port), *files))
        trusted = f"ssl_ca_certs={authority.ca_file}"
        await start(f"rediss://localhost:{port}?{trusted}")
        await start(f"rediss://127.0.0.1:{port}?{trusted}&ssl_check_hostname=false")
        client = f"ssl_certfile={certificate}&ssl_keyfile={certificate}"
        await start(f"rediss://localhost:{closed_port}?{trusted}&{client}")
        assert "certificate that is not trusted" in await refusal(f"rediss://localhost:{port}")
        assert "certificate that is not trusted" in await refusal(f"rediss://127.0.0.1:{port}?{trusted}")
        assert "ssl_ca_certs=/no can't be read: No such file" in await refusal("rediss://localhost?ssl_ca_certs=/no")
        no_key = f"rediss://localhost:{port}?ssl_certfile={authority.ca_file}"
        assert "must be a CA, a certificate and its key" in await refusal(no_key)
        # By TLS 1.3, the connection may be gone before the server's reason is read.
        with pytest.raises((ConfigurationError, StoreError), match="certificate of the client"):
            await start(f"rediss://localhost:{closed_port}?{trusted}")
        # A server takes the handshake for a command that is wrong, or not complete yet.
        with pytest.raises((ConfigurationError, StoreError), match="use redis://"):
            await start(redis_url.replace("redis://", "rediss://"), timeout=0.5)
        _, message = await fault(f"redis://127.0.0.1:{port}", timeout=0.5)
        assert "if the port expects TLS, use rediss://" in message
