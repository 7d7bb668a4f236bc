"""Counts of tokens in the form of the Gemini API."""

import asyncio
from typing import Any

import pytest

from tests.served.gateway import Served
from tests.served.viewers import JsonObject, until

CONTENTS: JsonObject = {"contents": [{"parts": [{"text": "x" * 400}]}]}
PATH = "/v1beta/models/m:countTokens"


async def counted(served: Served, body: object, path: str = PATH) -> tuple[int, Any]:
    async with served.http.post(path, json=body) as response:
        return response.status, await response.json()


@pytest.mark.parametrize("version", ["v1", "v1beta"])
@pytest.mark.parametrize("name", ["generateContentRequest", "generate_content_request"])
async def test_tokens_are_estimated_for_a_provider_with_another_api(served: Served, version: str, name: str) -> None:
    path = f"/{version}/models/m:countTokens"
    assert await counted(served, CONTENTS, path) == (200, {"totalTokens": 104})
    wrapped = {name: {**CONTENTS, "model": "models/m", "tools": [{"functionDeclarations": [{"name": "look"}]}]}}
    status, document = await counted(served, wrapped, path)
    assert status == 200
    assert document["totalTokens"] > 104


async def test_a_provider_with_the_api_counts_itself(served: Served) -> None:
    served.upstream.api = "gemini"
    body = {"generateContentRequest": {**CONTENTS, "model": "models/m", "systemInstruction": {}}}
    task = asyncio.ensure_future(counted(served, body))
    await until(lambda: bool(served.upstream.fetched))
    fetched = served.upstream.fetched[0]
    assert fetched.request.body == body
    assert (fetched.request.endpoint.segments, fetched.request.endpoint.action) == (("models", "m"), ":countTokens")
    fetched.document.set_result(b'{"totalTokens":31,"new":1}')
    assert await task == (200, {"totalTokens": 31, "new": 1})


@pytest.mark.parametrize(
    ("body", "path", "status", "name"),
    [
        ([], PATH, 400, "INVALID_ARGUMENT"),
        ({}, PATH, 400, "INVALID_ARGUMENT"),
        (CONTENTS, "/v1beta/models/other:countTokens", 404, "NOT_FOUND"),
    ],
)
async def test_refusals_have_googles_form(served: Served, body: object, path: str, status: int, name: str) -> None:
    found, document = await counted(served, body, path)
    assert (found, document["error"]["code"], document["error"]["status"]) == (status, status, name)
