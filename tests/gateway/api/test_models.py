"""The routes that list and describe models."""

import asyncio
from pathlib import Path

import pytest
from pydantic import HttpUrl

from gateway.config import Settings
from gateway.security.api_keys import StoredKey, generate_key, hash_secret
from gateway.security.key_file import write_keys
from tests.served.gateway import Served
from tests.served.viewers import until


@pytest.fixture
def settings() -> Settings:
    return Settings(model=("m", "org/model:1"), aliases={"gpt-4": "m"})


async def test_models_and_aliases_are_listed(served: Served) -> None:
    async with served.http.get("/v1/models") as response:
        listed = await response.json()
    assert listed["object"] == "list"
    assert [model["id"] for model in listed["data"]] == ["m", "org/model:1", "gpt-4"]
    for model in listed["data"]:
        assert model.keys() == {"id", "object", "created", "owned_by"}
        assert (model["object"], model["owned_by"]) == ("model", "dualstream")
        assert model["created"] > 0


@pytest.mark.parametrize("name", ["m", "org/model:1", "org%2Fmodel:1", "gpt-4"])
async def test_a_model_is_described(served: Served, name: str) -> None:
    async with served.http.get(f"/v1/models/{name}") as response:
        assert response.status == 200
        assert (await response.json())["id"] == name.replace("%2F", "/")


@pytest.mark.parametrize("name", ["other", "m/", "", "two%0Alines"])
async def test_an_unknown_model_is_refused_in_openais_form(served: Served, name: str) -> None:
    async with served.http.get(f"/v1/models/{name}") as response:
        assert response.status == 404
        error = (await response.json())["error"]
    assert (error["type"], error["param"], error["code"]) == ("invalid_request_error", "model", "model_not_found")
    assert "known are: m, org/model:1, gpt-4" in error["message"]


@pytest.mark.parametrize(
    ("path", "headers", "keys"),
    [
        ("/v1/models", {"anthropic-version": "2023-06-01"}, {"data", "has_more", "first_id", "last_id"}),
        ("/v1/models", {"x-goog-api-key": "k"}, {"models"}),
        ("/v1beta/models", {}, {"models"}),
        ("/v1/models/gpt-4", {"anthropic-version": "1"}, {"type", "id", "display_name", "created_at", "lifecycle"}),
        (
            "/v1beta/models/gpt-4",
            {},
            {"name", "baseModelId", "version", "displayName", "supportedGenerationMethods"},
        ),
    ],
)
async def test_the_client_decides_the_form(served: Served, path: str, headers: dict[str, str], keys: set[str]) -> None:
    async with served.http.get(path, headers=headers) as response:
        assert (response.status, (await response.json()).keys()) == (200, keys)


@pytest.mark.parametrize(
    ("path", "headers", "kind"),
    [
        ("/v1/models/x", {"anthropic-version": "1"}, ("type", "not_found_error")),
        ("/v1beta/models/x", {}, ("status", "NOT_FOUND")),
        ("/v1/models?limit=0", {"anthropic-version": "1"}, ("type", "invalid_request_error")),
    ],
)
async def test_a_refusal_has_the_same_form(
    served: Served, path: str, headers: dict[str, str], kind: tuple[str, str]
) -> None:
    async with served.http.get(path, headers=headers) as response:
        error = (await response.json())["error"]
    assert error[kind[0]] == kind[1]


async def test_the_names_and_the_default_are_listed_for_the_page(served: Served) -> None:
    async with served.http.get("/api/models") as response:
        listed = {"models": ["m", "org/model:1", "gpt-4"], "default": "m", "any_model": False}
        assert await response.json() == listed


class TestWithAnyModel:
    @pytest.fixture
    def settings(self) -> Settings:
        return Settings(upstream=HttpUrl("http://127.0.0.1:9/v1"))

    async def test_an_empty_list_says_that_any_model_is_accepted(self, served: Served) -> None:
        async with served.http.get("/api/models") as response:
            assert await response.json() == {"models": [], "default": None, "any_model": True}

    @pytest.mark.parametrize(
        ("path", "headers", "key", "name"),
        [
            ("/v1/models", {}, "data", "id"),
            ("/v1/models", {"anthropic-version": "1"}, "data", "id"),
            ("/v1beta/models", {}, "models", "baseModelId"),
        ],
    )
    async def test_the_providers_models_are_listed(
        self, served: Served, path: str, headers: dict[str, str], key: str, name: str
    ) -> None:
        getting = asyncio.ensure_future(served.http.get(path, headers=headers).__aenter__())
        await until(lambda: bool(served.upstream.fetched))
        served.upstream.fetched[0].document.set_result(b'{"data":[{"id":"gpt-5"}]}')
        async with await getting as response:
            assert [model[name] for model in (await response.json())[key]] == ["gpt-5"]


class TestWithAKeyForOtherModels:
    @pytest.fixture
    def settings(self, settings: Settings, tmp_path: Path) -> Settings:
        key = generate_key()
        (tmp_path / "key").write_text(key.text())
        write_keys(tmp_path / "k", [StoredKey("a", key.id, hash_secret(key.secret), models=frozenset({"other"}))])
        return settings.model_copy(update={"keys_file": tmp_path / "k"})

    async def test_an_empty_list_says_that_no_model_is_served(self, served: Served, tmp_path: Path) -> None:
        key = {"Authorization": f"Bearer {(tmp_path / 'key').read_text()}"}
        async with served.http.get("/api/models", headers=key) as response:
            assert await response.json() == {"models": [], "default": None, "any_model": False}
