"""Embeddings and moderations: passed on, and refused in OpenAI's form."""

import asyncio
from typing import Any

import pytest

from gateway.config import Settings
from gateway.protocol.errors import Code, Failed
from tests.served.gateway import Served
from tests.served.viewers import JsonObject, until

EMBED: JsonObject = {"model": "m", "input": ["a", "b"], "dimensions": 2, "unknown": {"x": 1}}


@pytest.fixture
def settings() -> Settings:
    return Settings(model=("m",), aliases={"text-embedding-3-small": "m"}, rate_limit_per_minute=10)


async def posted(served: Served, path: str, body: object, document: bytes | Failed | None) -> tuple[int, Any]:
    """Post a body; the provider answers with a document."""
    task = asyncio.ensure_future(served.http.post(path, json=body).__aenter__())
    if document is not None:
        await until(lambda: bool(served.upstream.fetched))
        future = served.upstream.fetched[-1].document
        if isinstance(document, Failed):
            future.set_exception(document)
        else:
            future.set_result(document)
    async with await task as response:
        assert response.headers["X-Request-ID"]
        return response.status, await response.json()


@pytest.mark.parametrize("path", ["/v1/embeddings", "/v1/moderations"])
async def test_a_request_and_its_answer_are_passed_on_as_they_are(served: Served, path: str) -> None:
    body = {**EMBED, "model": "text-embedding-3-small"}
    assert await posted(served, path, body, b'{"new": {"x": 1}}') == (200, {"new": {"x": 1}})
    request = served.upstream.fetched[0].request
    assert request.body == EMBED
    assert request.endpoint.segments == (path.rpartition("/")[2],)


async def test_moderations_need_no_model(served: Served) -> None:
    assert await posted(served, "/v1/moderations", {"input": "x"}, b"{}") == (200, {})
    assert served.upstream.fetched[0].request.body == {"input": "x"}


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        ([], 400, None),
        ({"input": "x"}, 400, "model"),
        ({"model": 5, "input": "x"}, 400, "model"),
        ({"model": "other", "input": "x"}, 404, "model"),
    ],
)
async def test_what_is_not_valid_is_refused(served: Served, body: object, status: int, param: str | None) -> None:
    found, document = await posted(served, "/v1/embeddings", body, None)
    assert (found, document["error"]["param"]) == (status, param)
    assert not served.upstream.fetched


async def test_a_model_whose_provider_has_no_such_endpoint_is_refused_by_name(served: Served) -> None:
    served.upstream.api = "anthropic"
    status, document = await posted(served, "/v1/embeddings", EMBED, None)
    assert status == 400
    assert "no provider of 'm' has /v1/embeddings" in document["error"]["message"]


async def test_the_refusal_of_a_provider_has_its_status(served: Served) -> None:
    failed = Failed(Code.RATE_LIMIT, "Too many.", retry_after_ms=2000)
    status, document = await posted(served, "/v1/embeddings", EMBED, failed)
    assert (status, document["error"]["type"]) == (429, "rate_limit_error")


async def test_a_body_may_contain_many_numbers(served: Served) -> None:
    tokens = [[0] * 60_000, [0] * 60_000]
    assert (await posted(served, "/v1/embeddings", {**EMBED, "input": tokens}, b"{}"))[0] == 200


async def test_a_client_that_leaves_cancels_the_call(served: Served) -> None:
    task = asyncio.ensure_future(served.http.post("/v1/embeddings", json=EMBED).__aenter__())
    await until(lambda: bool(served.upstream.fetched))
    task.cancel()
    await until(lambda: served.upstream.fetched[0].closed)


class TestProviders:
    """Models of several providers."""

    @pytest.fixture
    def settings(self) -> Settings:
        provider = {"base_url": "http://127.0.0.1:9/v1"}
        providers = {"theirs": {**provider, "api": "anthropic"}, "ours": {**provider, "api": "openai"}}
        models = {"first": {"provider": "theirs"}, "second": {"provider": "ours"}}
        return Settings(providers=providers, models=models, retry_within=0)

    async def test_a_moderation_without_a_model_goes_to_a_provider_that_has_it(self, served: Served) -> None:
        # Nothing listens there: the provider was called.
        status, document = await posted(served, "/v1/moderations", {"input": "x"}, None)
        assert status == 502
        assert document["error"]["code"] == "network_error"
