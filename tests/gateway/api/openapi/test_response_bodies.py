"""Responses match the schemas of the OpenAPI document, field by field."""

from typing import Any

import aiohttp
import orjson
import pytest
from jsonschema_rs import Draft202012Validator

from gateway.api.openapi.document import document
from tests.openapi_document import strict
from tests.served.gateway import Served
from tests.served.viewers import JsonObject

BODY: JsonObject = {"messages": [{"role": "user", "content": "Hello"}], "metadata": {"a": "b"}}
DESCRIBED: Any = strict(document("1"))


async def validated(path: str, response: aiohttp.ClientResponse) -> dict[str, Any]:
    """Validate a response against the document, and return its body."""
    expected = DESCRIBED["paths"][path][response.method.lower()]["responses"][str(response.status)]
    for name in expected["headers"]:
        header = DESCRIBED["components"]["headers"][name]
        if header["required"]:
            assert name in response.headers
    body: dict[str, Any] = orjson.loads(await response.read())
    schema = expected["content"][response.content_type]["schema"]
    Draft202012Validator({**schema, "components": DESCRIBED["components"]}).validate(body)
    return body


@pytest.mark.parametrize("path", ["/api/models", "/api/stats", "/health", "/ready", "/openapi.json", "/api/ws"])
async def test_responses_without_parameters_match_their_schemas(served: Served, path: str) -> None:
    async with served.http.get(path) as response:
        await validated(path, response)


async def test_the_responses_of_a_generation_match_their_schemas(served: Served) -> None:
    path = "/api/generations/{generation_id}"
    async with served.http.post("/api/generations", json=BODY) as response:
        address = f"/api/generations/{(await validated('/api/generations', response))['id']}"
    await served.called()
    served.upstream.last.send("one ")
    async with served.http.post(f"{address}/feedback", json={"rating": 5, "mode": "note"}) as response:
        await validated(f"{path}/feedback", response)
    async with served.http.get(address) as response:
        assert (await validated(path, response))["end"] is None
    async with served.http.post(f"{address}/interrupt", json={"reason": "enough"}) as response:
        await validated(f"{path}/interrupt", response)
    async with served.http.get(f"{address}/events") as response:
        await response.read()
    async with served.http.get(address) as response:
        snapshot = await validated(path, response)
        assert (snapshot["end"]["reason"], len(snapshot["feedback"]), len(snapshot["attempts"])) == ("enough", 1, 1)
    async with served.http.post(f"{address}/interrupt") as response:
        assert response.status == 202
    async with served.http.post(f"{address}/feedback", json={"text": "x"}) as response:
        assert (await validated(f"{path}/feedback", response))["error"]["code"] == "already_over"
    async with served.http.get("/api/stats") as response:
        stats = await validated("/api/stats", response)
        assert stats["upstreams"]
        assert (stats["stored_responses"], stats["stored_bytes"]) == (0, 0)


async def test_a_ticket_response_matches_its_schema(served: Served) -> None:
    async with served.http.post("/api/tickets", json={"scope": "start"}) as response:
        await validated("/api/tickets", response)


async def test_the_document_is_public_and_complete(served: Served) -> None:
    async with served.http.get("/openapi.json") as response:
        assert response.content_type == "application/json"
        document_served = await response.json()
    assert document_served["paths"].keys() == DESCRIBED["paths"].keys()


@pytest.mark.parametrize("path", sorted(DESCRIBED["paths"]))
async def test_an_unsupported_method_gets_the_allowed_methods(served: Served, path: str) -> None:
    async with served.http.put(path) as response:
        assert response.status == 405
        allowed = {method.strip().lower() for method in response.headers["Allow"].split(",")}
        assert allowed - {"head"} == DESCRIBED["paths"][path].keys()


async def test_a_plain_request_to_the_socket_route_gets_upgrade_required(served: Served) -> None:
    async with served.http.get("/api/ws") as response:
        assert response.status == 426
        assert (response.headers["Upgrade"], response.headers["Connection"]) == ("websocket", "Upgrade")


async def test_the_responses_of_the_console_match_their_schemas(served: Served) -> None:
    async with served.http.post("/api/generations", json=BODY) as response:
        address = f"/api/generations/{(await response.json())['id']}"
    await served.called()
    served.upstream.last.send("one ")
    async with served.http.get("/api/console/events") as response:
        data = (await response.content.readuntil(b"\n\n")).partition(b"data: ")[2]
    schema = DESCRIBED["components"]["schemas"]["ConsoleSnapshot"]
    Draft202012Validator({**schema, "components": DESCRIBED["components"]}).validate(orjson.loads(data))
    served.upstream.last.finish()
    async with served.http.get(f"{address}/events") as response:
        await response.read()
    for path in ("/api/console/recent", "/api/console/history"):
        async with served.http.get(path) as response:
            body = await validated(path, response)
            assert body.get("recent") or body.get("buckets")
