"""Which proxy a call uses: none, the one that is set, or that of the environment."""

import pytest
from yarl import URL

from gateway.net.proxy import ENVIRONMENT, Proxy, _from_environment

CALL = URL("https://api.example/v1/chat/completions")
VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REQUEST_METHOD")


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    _from_environment.cache_clear()


def test_the_environment_is_not_read_unless_that_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")
    assert Proxy().url_for(CALL) is None
    assert Proxy(ENVIRONMENT).url_for(CALL) == URL("http://proxy:3128")


def test_a_url_is_used_for_every_call() -> None:
    assert Proxy("http://proxy:3128").url_for(CALL) == URL("http://proxy:3128")


@pytest.mark.parametrize(
    ("variables", "url", "proxy"),
    [
        ({"https_proxy": "http://lower:1", "HTTPS_PROXY": "http://upper:2"}, CALL, "http://lower:1"),
        ({"HTTPS_PROXY": "proxy:3128"}, CALL, "http://proxy:3128"),
        ({"HTTPS_PROXY": "http://user:pass@proxy:3128"}, CALL, "http://user:pass@proxy:3128"),
        ({"HTTP_PROXY": "http://proxy:3128"}, CALL, None),
        ({"HTTP_PROXY": "http://proxy:3128"}, URL("http://vllm:8000/v1"), "http://proxy:3128"),
        ({"HTTP_PROXY": "http://evil:1", "REQUEST_METHOD": "GET"}, URL("http://vllm:8000/v1"), None),
        ({"ALL_PROXY": "http://proxy:3128"}, CALL, "http://proxy:3128"),
        ({"ALL_PROXY": "http://proxy:3128", "NO_PROXY": "other.example,.example"}, CALL, None),
        ({"ALL_PROXY": "http://proxy:3128", "NO_PROXY": "*"}, CALL, None),
        ({"ALL_PROXY": "http://proxy:3128", "NO_PROXY": "vllm:8000"}, URL("http://vllm:8000/v1"), None),
        ({}, CALL, None),
    ],
)
def test_the_variables(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], url: URL, proxy: str | None) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert Proxy(ENVIRONMENT).url_for(url) == (None if proxy is None else URL(proxy))


def test_a_proxy_of_another_kind_is_refused_without_showing_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "socks5://user:secret@proxy:1080")
    with pytest.raises(ValueError, match="HTTPS_PROXY is not the URL of an HTTP proxy") as failed:
        Proxy(ENVIRONMENT).url_for(CALL)
    assert "secret" not in str(failed.value)
