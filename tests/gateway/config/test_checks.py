"""Checks of single values; `broken.py` has their errors."""

import pytest
from pydantic import HttpUrl, SecretStr

from gateway.config.checks import (
    check_base_url,
    check_header_value,
    check_no_userinfo,
    check_proxy,
    check_shared_secret,
    check_store,
    check_variable_name,
)


@pytest.mark.parametrize("name", [None, "", "OPENAI_API_KEY", "_KEY2"])
def test_names_in_capitals_and_no_name_are_accepted(name: str | None) -> None:
    assert check_variable_name(name, "A_KEY") == name


@pytest.mark.parametrize("name", ["openai_api_key", "2KEY", "A KEY", "SK-SECRET", "ÄKEY"])
def test_the_message_for_a_wrong_name_does_not_show_it(name: str) -> None:
    with pytest.raises(ValueError, match="in capitals, such as A_KEY") as error:
        check_variable_name(name, "A_KEY")
    assert name not in str(error.value)


@pytest.mark.parametrize("url", ["https://user@a.example/", "https://user:hush@a.example/", "https://:hush@a.example/"])
def test_the_message_for_a_url_with_userinfo_does_not_show_it(url: str) -> None:
    for check in (check_no_userinfo, check_base_url):
        with pytest.raises(ValueError, match="user name or password") as error:
            check(HttpUrl(url))
        assert "hush" not in str(error.value)


@pytest.mark.parametrize("path", ["chat/completions", "v1/responses/", "v1/messages"])
def test_the_path_of_a_call_is_not_part_of_a_base_url(path: str) -> None:
    with pytest.raises(ValueError, match=f"remove /{path.strip('/').removeprefix('v1/')}"):
        check_base_url(HttpUrl(f"https://a.example/{path}"))


def test_a_base_url_may_have_a_path() -> None:
    url = HttpUrl("https://a.example/v1/")
    assert check_base_url(url) is url
    assert check_base_url(None) is None


def test_the_length_of_a_shared_secret_counts_bytes() -> None:
    assert check_shared_secret(SecretStr("é" * 16)).get_secret_value() == "é" * 16
    with pytest.raises(ValueError, match="at least 32 bytes"):
        check_shared_secret(SecretStr("e" * 31))


@pytest.mark.parametrize("key", ["sk-1\nsk-2", "sk-\x7f", "sk-é"])
def test_a_key_must_fit_a_header(key: str) -> None:
    with pytest.raises(ValueError, match="printable ASCII") as error:
        check_header_value(SecretStr(key))
    assert key not in str(error.value)


@pytest.mark.parametrize("query", ["api-version=2024-10-21", "a&b=%2F"])
def test_a_base_url_may_have_a_query(query: str) -> None:
    url = HttpUrl(f"https://a.example/v1?{query}")
    assert check_base_url(url) is url


@pytest.mark.parametrize("name", ["key", "api_key", "subscription-key", "access_token", "sig"])
def test_the_query_of_a_base_url_may_have_no_key(name: str) -> None:
    with pytest.raises(ValueError, match="must not contain a key") as error:
        check_base_url(HttpUrl(f"https://a.example/v1?api-version=1&{name}=hush"))
    assert "hush" not in str(error.value)


@pytest.mark.parametrize("proxy", ["direct", "environment", "http://proxy:3128", "https://proxy.example/"])
def test_a_proxy(proxy: str) -> None:
    assert check_proxy(proxy) == proxy


@pytest.mark.parametrize(
    "proxy", ["", "proxy:3128", "socks5://proxy:1", "http://", "http://proxy/path", "http://p?x=1"]
)
def test_what_is_no_proxy(proxy: str) -> None:
    with pytest.raises(ValueError, match="must be the URL of an HTTP proxy"):
        check_proxy(proxy)


def test_the_message_for_a_proxy_with_a_password_does_not_show_it() -> None:
    with pytest.raises(ValueError, match="put the URL into HTTPS_PROXY") as error:
        check_proxy("http://user:hush@proxy:3128")
    assert "hush" not in str(error.value)


@pytest.mark.parametrize("store", ["memory", "redis://h", "rediss+sentinel://u:p@h/service", "unix:///run/redis.sock"])
def test_a_store_is_memory_or_a_url(store: str) -> None:
    assert check_store(store) == store


@pytest.mark.parametrize(
    ("store", "problem"), [("redis", "must be `memory`, or a URL"), ("redis://u:secret@a,b", "names one server")]
)
def test_the_url_of_a_store_is_checked_without_connecting(store: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem) as error:
        check_store(store)
    assert "secret" not in str(error.value)
