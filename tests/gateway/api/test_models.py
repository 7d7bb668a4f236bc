"""The routes that list and describe models."""

import pytest

from gateway.config import Settings
from tests.served.gateway import Served


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


async def test_the_names_and_the_default_are_listed_for_the_page(served: Served) -> None:
    async with served.http.get("/api/models") as response:
        assert await response.json() == {"models": ["m", "org/model:1", "gpt-4"], "default": "m"}
