"""Origins and headers of pages that may be allowed, and why others may not."""

import re

import pytest

from gateway.config.cross_origin import check_header_pattern, check_origin


@pytest.mark.parametrize(
    "origin",
    [
        *("https://app.example", "http://localhost:3000", "https://127.0.0.1:8443", "http://[::1]:8080"),
        *("http://xn--bcher-kva.example", "tauri://localhost", "capacitor://localhost", "ionic://localhost", "app://"),
        *("app://-", "app://.", "app://obsidian.md", "chrome-extension://abcdefghijklmnopabcdefghijklmnop"),
        *("moz-extension://f4b2a9c6-92d0-4f43-a2b1-6f2e0a9d5c11", "moz-extension://*", "vscode-webview://*"),
        *("safari-web-extension://3F2504E0-4F89-41D3-9A0C-0305E82C3301", "vscode-file://vscode-app", "wails://wails"),
        *("http://tauri.localhost", "ms-appx-web://12345.app", "web+app://x"),
    ],
)
def test_origins_of_sites_and_apps_are_accepted(origin: str) -> None:
    assert check_origin(origin) == origin


@pytest.mark.parametrize(
    ("origin", "problem"),
    [
        ("*", "is not an origin"),
        ("https://*", "is not an origin"),
        ("https://*.example", "is not an origin"),
        ("https://", "is not an origin"),
        ("app.example", "is not an origin"),
        ("localhost:3000", "is not an origin"),
        ("//app.example", "is not an origin"),
        ("https://app.example/", "is not an origin"),
        ("tauri://localhost/index.html", "is not an origin"),
        ("app://a*", "is not an origin"),
        ("https://user@app.example", "is not an origin"),
        ("https://App.example", "use https://app.example"),
        ("HTTPS://app.example", "use https://app.example"),
        ("https://app.example:443", "use https://app.example"),
        ("http://app.example:80", "use http://app.example"),
        ("https://bücher.example", "use https://xn--bcher-kva.example"),
        ("TAURI://localhost", "use tauri://localhost"),
        ("https://app.example:port", "its port is not valid"),
        ("https://[::1", "its port is not valid"),
        ("null", "can't be allowed: files and sandboxed frames have it"),
        ("file://", "can't be allowed"),
        ("file:///home/me/page.html", "serve the page over HTTP"),
    ],
)
def test_what_browsers_do_not_send_is_explained(origin: str, problem: str) -> None:
    with pytest.raises(ValueError, match=re.escape(problem)):
        check_origin(origin)


def test_names_of_headers_may_end_with_a_star() -> None:
    assert [check_header_pattern(name) for name in ("X-Tenant", "x-b3-*", "*")] == ["x-tenant", "x-b3-*", "*"]
    for name in ("", "x tenant", "x-*-id", "x:y", "é"):
        with pytest.raises(ValueError, match="is not the name of a header"):
            check_header_pattern(name)
