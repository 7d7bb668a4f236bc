"""Base URLs for clients."""

import pytest

from gateway.server.base_urls import sdk_base_urls, url_of


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:80"),
        ("gateway.example", "http://gateway.example:80"),
        ("::1", "http://[::1]:80"),
    ],
)
def test_an_ipv6_address_is_in_brackets(host: str, url: str) -> None:
    assert url_of(host, 80) == url


def test_each_kind_of_client_has_its_base_url() -> None:
    assert sdk_base_urls("http://x:80").endswith(": http://x:80/v1 (OpenAI), http://x:80 (Anthropic, Gemini)")
