"""A key in the URL, where the API of the request has it there."""

from pathlib import Path

import pytest

from gateway.config import Settings
from tests.served.clients import KEYS, keys_file, protocols, with_keys
from tests.served.gateway import Served

__all__ = ["keys_file", "protocols"]

PATH = "/v1beta/models/m:countTokens"
BODY = {"contents": [{"parts": [{"text": "x"}]}]}


@pytest.fixture
def settings(settings: Settings, keys_file: Path) -> Settings:
    return with_keys(settings, keys_file)


@pytest.mark.parametrize(
    ("query", "headers"),
    [("?key={}", {}), ("", {"x-goog-api-key": "{}"}), ("?key=wrong", {"x-goog-api-key": "{}"})],
)
async def test_a_key_is_taken_from_a_header_or_the_url(served: Served, query: str, headers: dict[str, str]) -> None:
    key = KEYS["alice"].text()
    sent = {name: value.format(key) for name, value in headers.items()}
    async with served.http.post(PATH + query.format(key), json=BODY, headers=sent) as response:
        assert response.status == 200


async def test_a_wrong_key_in_the_url_is_refused_and_not_shown(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    for path in (PATH, "/v1beta/models/other:countTokens", "/v1beta/nowhere"):
        async with served.http.post(f"{path}?key=sk-very-secret", json=BODY) as response:
            assert response.status == 401
            body = await response.text()
            assert "UNAUTHENTICATED" in body
            assert "very-secret" not in body
    assert "very-secret" not in caplog.text


async def test_other_apis_take_no_key_from_the_url(served: Served) -> None:
    key = KEYS["alice"].text()
    for path in ("/v1/chat/completions", "/v1/messages", "/api/generations"):
        async with served.http.post(f"{path}?key={key}", json={}) as response:
            assert response.status == 401
