"""Counts of tokens in the form of the Messages API."""

import asyncio
from typing import Any

import pytest

from tests.served.gateway import Served
from tests.served.viewers import JsonObject, until

PATH = "/v1/messages/count_tokens"
BODY: JsonObject = {"model": "m", "messages": [{"role": "user", "content": "x" * 400}]}
TOOL: JsonObject = {"name": "look", "input_schema": {"type": "object"}}
HEADERS = {"anthropic-version": "2026-10-21", "anthropic-beta": "a"}


async def counted(served: Served, body: object) -> tuple[int, Any]:
    async with served.http.post(PATH + "?beta=true", json=body, headers=HEADERS) as response:
        return response.status, await response.json()


async def test_tokens_are_estimated_for_a_provider_with_another_api(served: Served) -> None:
    assert await counted(served, BODY) == (200, {"input_tokens": 104})
    status, document = await counted(served, {**BODY, "tools": [TOOL]})
    assert status == 200
    assert document["input_tokens"] > 104


async def test_a_provider_with_the_api_counts_itself(served: Served) -> None:
    served.upstream.api = "anthropic"
    task = asyncio.ensure_future(counted(served, {**BODY, "new": 1}))
    await until(lambda: bool(served.upstream.fetched))
    fetched = served.upstream.fetched[0]
    assert fetched.request.body == {**BODY, "new": 1}
    assert fetched.request.headers == HEADERS
    assert fetched.request.endpoint.segments == ("messages", "count_tokens")
    fetched.document.set_result(b'{"input_tokens":31,"new":1}')
    assert await task == (200, {"input_tokens": 31, "new": 1})


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        ([], 400, "invalid_request_error"),
        ({"model": "m"}, 400, "invalid_request_error"),
        ({**BODY, "model": "other"}, 404, "not_found_error"),
    ],
)
async def test_refusals_have_anthropics_form(served: Served, body: object, status: int, kind: str) -> None:
    found, document = await counted(served, body)
    assert (found, document["error"]["type"]) == (status, kind)
