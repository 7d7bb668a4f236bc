"""The demo page: its content security policy, and its directory."""

import pytest
from yarl import URL

from gateway.api.demo_page import PAGE_HEADERS
from tests.served.gateway import Served


@pytest.mark.parametrize(
    "path", ["/static/../pyproject.toml", "/static/%2e%2e/pyproject.toml", "/static/..%2fpyproject.toml"]
)
async def test_no_path_leads_out_of_the_static_directory(served: Served, path: str) -> None:
    async with served.http.get(URL(f"{served.url}{path}", encoded=True)) as response:
        assert response.status == 404
        assert "name" not in await response.json()


async def test_the_page_has_a_strict_content_security_policy(served: Served) -> None:
    async with served.http.get("/") as response:
        head = response.headers
    assert {name: head[name] for name in PAGE_HEADERS} == PAGE_HEADERS
    policy = dict(part.strip().partition(" ")[::2] for part in head["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert (policy["require-trusted-types-for"], policy["trusted-types"]) == ("'script'", "'none'")
    assert "unsafe" not in head["Content-Security-Policy"]
    assert head["Cross-Origin-Opener-Policy"] == "same-origin"


async def test_scripts_are_compressed_and_validated(served: Served) -> None:
    async with served.http.get("/static/demo/pane.js", headers={"Accept-Encoding": "gzip"}) as response:
        assert response.headers["Content-Encoding"] == "gzip"
        assert "Accept-Encoding" in response.headers["Vary"]
        assert "export class Pane" in await response.text()
        etag = response.headers["ETag"]
    headers = {"Accept-Encoding": "gzip", "If-None-Match": etag}
    async with served.http.get("/static/demo/pane.js", headers=headers) as response:
        assert response.status == 304
