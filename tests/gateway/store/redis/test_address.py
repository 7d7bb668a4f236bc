"""URLs of Redis deployments."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.store.redis.address import Credentials, RedisAddress, Tls, format_host, parse_address

SECRET = "pass/word"


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("redis://h", RedisAddress("single", (("h", 6379),))),
        ("valkey://h:1/2", RedisAddress("single", (("h", 1),), db=2)),
        ("REDIS://h?db=3", RedisAddress("single", (("h", 6379),), db=3)),
        ("redis://[::1]:7", RedisAddress("single", (("::1", 7),))),
        ("redis://:p@h", RedisAddress("single", (("h", 6379),), Credentials("", "p"))),
        ("redis://u:p%40%2F%23@h/0", RedisAddress("single", (("h", 6379),), Credentials("u", "p@/#"))),
        ("redis://u:p@q@h", RedisAddress("single", (("h", 6379),), Credentials("u", "p@q"))),
        ("rediss://h", RedisAddress("single", (("h", 6379),), tls=Tls())),
        (
            "valkeys://h?ssl_ca_certs=/a&ssl_certfile=/b&ssl_keyfile=/c&ssl_check_hostname=false",
            RedisAddress("single", (("h", 6379),), tls=Tls("/a", "/b", "/c", check_hostname=False)),
        ),
        ("redis+cluster://a,b:1", RedisAddress("cluster", (("a", 6379), ("b", 1)))),
        ("rediss+cluster://u:p@a", RedisAddress("cluster", (("a", 6379),), Credentials("u", "p"), tls=Tls())),
        ("redis+sentinel://a,b:1/main/4", RedisAddress("sentinel", (("a", 26379), ("b", 1)), db=4, service="main")),
        (
            "valkey+sentinel://u:p@a/main?sentinel_username=s&sentinel_password=t",
            RedisAddress("sentinel", (("a", 26379),), Credentials("u", "p"), Credentials("s", "t"), service="main"),
        ),
        ("unix:///run/redis.sock?db=2", RedisAddress("single", (), db=2, socket_path="/run/redis.sock")),
        ("unix://u:p@/run/r", RedisAddress("single", (), Credentials("u", "p"), socket_path="/run/r")),
    ],
)
def test_all_forms_are_read(url: str, address: RedisAddress) -> None:
    assert parse_address(url) == address


def test_a_password_of_its_own_is_used_where_the_url_has_none() -> None:
    assert parse_address("redis://h", SECRET).credentials == Credentials("", SECRET)
    assert parse_address("redis://u@h", SECRET).credentials == Credentials("u", SECRET)
    assert parse_address("redis://u:p@h", SECRET).credentials == Credentials("u", "p")


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("localhost:6379", "it has no ://"),
        ("http://h", 'it begins with "http"'),
        ("redis+ring://h", 'it begins with "redis+ring"'),
        ("redis://", "a host is missing or wrong"),
        ("redis://h:99999", "a host is missing or wrong"),
        ("redis://h:0", "a host is missing or wrong"),
        ("redis://h:x", "a host is missing or wrong"),
        ("redis://u:pass/word@", "a host is missing or wrong"),
        ("redis://a,b", "redis:// names one server"),
        ("redis://h/x", "a database is a number"),
        ("redis://h/0/1", "too many parts"),
        ("redis://h?ssl_ca_certs=/a", "unknown parameters after the question mark: ssl_ca_certs"),
        ("redis://h?timeout=1&x=2", "unknown parameters after the question mark: timeout, x"),
        ("redis://h?db", "name=value is expected"),
        ("rediss://h?ssl_check_hostname=maybe", "ssl_check_hostname is true or false"),
        ("redis+cluster://a/1", "a Redis Cluster has no database 1"),
        ("redis+sentinel://a", "the name of the service is missing"),
        ("unix://run/redis.sock", "an absolute path"),
        ("unix:///run/redis.sock?x=1", "an absolute path"),
    ],
)
def test_what_is_wrong_is_told(url: str, problem: str) -> None:
    with pytest.raises(ValueError, match="is not a valid URL") as error:
        parse_address(url)
    assert problem in str(error.value)
    assert "redis+cluster://" in str(error.value)


@given(st.text(max_size=60))
@example("redis://user:secret@h:1:2")
@example("redis://user:secret/path@h:1:2")
@example("redis://user:secret?x@h")
def test_any_text_is_read_or_refused_without_its_secret(rest: str) -> None:
    for url in (rest, f"redis://u:secret{rest}@h", f"redis+sentinel://u:secret@{rest}"):
        try:
            address = parse_address(url)
        except ValueError as error:
            assert "secret" not in str(error) or "secret" in rest
        else:
            assert "secret" not in f"{address} {address!r}" or "secret" in rest


def test_a_deployment_is_named_without_secrets() -> None:
    assert str(parse_address("redis+sentinel://u:p@a,[::1]/main")) == "a:26379,[::1]:26379 (service main)"
    assert str(parse_address("unix://u:p@/run/r")) == "/run/r"
    assert format_host(("h", 1)) == "h:1"
