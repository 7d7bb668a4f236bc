"""Counts of tokens, and compactions: by a provider with this API, or else estimated, or refused."""

import asyncio

import pytest

from gateway.protocol.errors import Code, Failed
from tests.served.gateway import Served
from tests.served.responses import PATH, Json, created, request
from tests.served.viewers import until

COUNT, COMPACT = "input_tokens", "compact"
TOOL: Json = {"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}}


async def asked(served: Served, name: str, body: object) -> tuple[int, Json]:
    async with served.http.post(f"{PATH}/{name}", json=body) as response:
        return response.status, await response.json()


async def test_tokens_are_estimated_for_a_provider_with_another_api(served: Served) -> None:
    first = await created(served, request("One"), "a")
    counts = []
    for fields in ({}, {"previous_response_id": first["id"]}, {"tools": [TOOL]}):
        status, document = await asked(served, COUNT, request("word " * 100, **fields))
        assert (status, document["object"]) == (200, "response.input_tokens")
        counts.append(document["input_tokens"])
    assert 100 < counts[0] < counts[1]
    assert counts[0] < counts[2]
    assert len(served.upstream.calls) == 1


async def test_a_provider_with_this_api_counts_itself(served: Served) -> None:
    served.upstream.api = "openai-responses"
    first = await created(served, request("One"), "a")
    body = request("Two", previous_response_id=first["id"], store=True, stream=True, instructions="Be brief.")
    task = asyncio.ensure_future(asked(served, COUNT, body))
    await until(lambda: bool(served.upstream.fetched))
    fetched = served.upstream.fetched[0]
    assert fetched.request.endpoint.segments == ("responses", "input_tokens")
    assert fetched.request.body is not None
    items = fetched.request.body.pop("input")
    assert fetched.request.body == {"model": "m", "instructions": "Be brief."}
    assert isinstance(items, list)
    assert len(items) == 3
    fetched.document.set_result(b'{"object":"response.input_tokens","input_tokens":31}')
    assert await task == (200, {"object": "response.input_tokens", "input_tokens": 31})


@pytest.mark.parametrize(("code", "status"), [(Code.MODEL_NOT_FOUND, 200), (Code.INVALID_REQUEST, 400)])
async def test_a_provider_without_the_endpoint_is_estimated_for(served: Served, code: Code, status: int) -> None:
    served.upstream.api = "openai-responses"
    task = asyncio.ensure_future(asked(served, COUNT, request()))
    await until(lambda: bool(served.upstream.fetched))
    served.upstream.fetched[0].document.set_exception(Failed(code, "It failed."))
    assert (await task)[0] == status


async def test_a_conversation_is_compacted_by_its_provider(served: Served) -> None:
    served.upstream.api = "openai-responses"
    first = await created(served, request("One"), "a")
    body = {"model": "m", "previous_response_id": first["id"], "prompt_cache_key": "k"}
    task = asyncio.ensure_future(asked(served, COMPACT, body))
    await until(lambda: bool(served.upstream.fetched))
    fetched = served.upstream.fetched[0]
    assert fetched.request.endpoint.segments == ("responses", "compact")
    assert fetched.request.body is not None
    assert fetched.request.body.keys() == {"model", "input", "prompt_cache_key"}
    fetched.document.set_result(b'{"object":"response.compaction","output":[{"type":"compaction"}]}')
    assert (await task)[1]["output"] == [{"type": "compaction"}]


async def test_a_provider_without_the_endpoint_compacts_nothing(served: Served) -> None:
    served.upstream.api = "openai-responses"
    task = asyncio.ensure_future(asked(served, COMPACT, request()))
    await until(lambda: bool(served.upstream.fetched))
    served.upstream.fetched[0].document.set_exception(Failed(Code.MODEL_NOT_FOUND, "There is no such path."))
    status, document = await task
    assert (status, document["error"]["param"]) == (400, "model")


async def test_no_other_provider_compacts(served: Served) -> None:
    status, document = await asked(served, COMPACT, request())
    assert (status, document["error"]["param"]) == (400, "model")
    assert "/v1/responses/compact" in document["error"]["message"]


@pytest.mark.parametrize("name", [COUNT, COMPACT])
@pytest.mark.parametrize("body", [[], {"model": "m"}, request(model="x"), request(previous_response_id="resp_x")])
async def test_a_request_that_is_not_valid(served: Served, name: str, body: object) -> None:
    assert (await asked(served, name, body))[0] == 400
