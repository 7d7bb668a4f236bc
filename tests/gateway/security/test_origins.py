"""Which page a request comes from, and whether it may use the gateway."""

import pytest

from gateway.protocol.errors import Code, Refused
from gateway.security.origins import Origins, forbidden_origin, has_origin_headers, is_browser

PAGE = "https://app.example"
EVIL = "https://evil.example"
CHROME = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/142.0.0.0 Safari/537.36"}


@pytest.mark.parametrize(
    ("headers", "scheme", "origin"),
    [
        ({}, "http", ""),
        ({"host": "gw.example", "origin": "http://gw.example"}, "http", ""),
        ({"host": "GW.example", "origin": "https://gw.example"}, "https", ""),
        # A proxy terminated TLS, and does not report it.
        ({"host": "gw.example", "origin": "https://gw.example"}, "http", ""),
        ({"host": "gw.example", "origin": PAGE}, "http", PAGE),
        ({"host": "gw.example", "sec-fetch-site": "same-origin"}, "http", ""),
        ({"host": "gw.example", "sec-fetch-site": "none"}, "http", ""),
        ({"host": "gw.example", "origin": PAGE, "sec-fetch-site": "cross-site"}, "https", PAGE),
    ],
)
def test_our_own_and_allowed_pages_are_admitted(headers: dict[str, str], scheme: str, origin: str) -> None:
    assert Origins(frozenset({PAGE})).check(headers, scheme) == origin


@pytest.mark.parametrize(
    ("headers", "scheme"),
    [
        ({"host": "gw.example", "origin": EVIL}, "https"),
        ({"host": "gw.example", "origin": "null"}, "https"),
        ({"host": "gw.example", "origin": ""}, "https"),
        ({"host": "", "origin": "null"}, "http"),
        ({"origin": "https://"}, "http"),
        ({"host": "gw.example", "origin": "https://gw.example:444"}, "https"),
        ({"host": "gw.example", "origin": "https://gw.example.evil.example"}, "https"),
        ({"host": "gw.example", "origin": f"{PAGE}.evil.example"}, "https"),
        ({"host": "gw.example", "origin": f"{PAGE}/"}, "https"),
        ({"host": "gw.example", "origin": "http://[::1"}, "https"),
        # The page of an app, not one of a gateway at port 80.
        ({"host": "localhost", "origin": "capacitor://localhost"}, "http"),
        ({"host": "localhost", "origin": "tauri://localhost"}, "https"),
        # Anyone on the network path may have written that page.
        ({"host": "gw.example", "origin": "http://gw.example"}, "https"),
        ({"host": "gw.example", "origin": "http://gw.example"}, "wss"),
        ({"host": "gw.example", "sec-fetch-site": "cross-site"}, "https"),
        ({"host": "gw.example", "sec-fetch-site": "same-site"}, "https"),
        ({"host": "gw.example", "sec-fetch-site": "made up"}, "https"),
    ],
)
def test_foreign_pages_are_refused(headers: dict[str, str], scheme: str) -> None:
    with pytest.raises(Refused) as refused:
        Origins(frozenset({PAGE})).check(headers, scheme)
    assert refused.value.code is Code.FORBIDDEN


@pytest.mark.parametrize(
    ("host", "is_ours"),
    [
        ("127.0.0.1:8080", True),
        ("localhost:8080", True),
        ("app.localhost", True),
        ("[::1]:8080", True),
        ("10.0.0.1", True),
        ("evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("localhost.evil.example", False),
        ("", False),
        ("[::1", False),
    ],
)
def test_a_rebound_host_name_is_not_ours(host: str, *, is_ours: bool) -> None:
    origins = Origins(any_host=False)
    # Browsers send neither header with a GET over plain HTTP to such a name.
    for origin_headers in ({"origin": f"http://{host}"}, {"sec-fetch-site": "same-origin"}, {}):
        headers = {"host": host, **origin_headers}
        if is_ours:
            assert origins.check(headers) == ""
        else:
            with pytest.raises(Refused):
                origins.check(headers)


def test_the_headers_that_name_the_page() -> None:
    assert has_origin_headers({"origin": PAGE})
    assert has_origin_headers({"sec-fetch-site": "none"})
    assert not has_origin_headers({"user-agent": "curl/8", "referer": PAGE})
    assert is_browser({"user-agent": CHROME["User-Agent"]})
    assert not is_browser({"user-agent": "curl/8.0"})
    assert not is_browser({})


def test_the_host_of_an_app_may_be_any() -> None:
    origins = Origins(frozenset({PAGE, "vscode-webview://*", "tauri://localhost"}))
    listed = (PAGE, "tauri://localhost", "vscode-webview://a1b2", "vscode-webview://")
    others = (EVIL, "tauri://other", "null", "", "vscode-webview:x")
    assert [origin for origin in (*listed, *others) if origins.is_listed(origin)] == [*listed]


@pytest.mark.parametrize("origin", ["https://app.company.example:8443", "chrome-extension://" + "a" * 32])
def test_a_refusal_names_the_setting_even_in_a_close_frame(origin: str) -> None:
    assert "DUALSTREAM_ALLOWED_ORIGINS" in forbidden_origin(origin).message[:123]
    assert "DUALSTREAM" not in forbidden_origin("null").message
    assert len(forbidden_origin("file://").message) <= 123
