"""Build the OpenAPI document from the operations and components."""

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Final

from pydantic import JsonValue

from gateway.api.middleware.auth import PUBLIC_PATHS, PUBLIC_PREFIX
from gateway.api.openapi.components import (
    FOREIGN_PAGE,
    HEADERS,
    JSON,
    PARAMETERS,
    RATE_LIMIT_HEADERS,
    TAGS,
    TOO_MANY_COMMANDS,
    UNAUTHENTICATED,
    Header,
    Parameter,
    RefusalSpec,
    ResponseSpec,
)
from gateway.api.openapi.operation import Operation
from gateway.api.openapi.response_bodies import Refusal
from gateway.api.openapi.routes import OPERATIONS
from gateway.api.openapi.schemas import ref, schemas
from gateway.protocol.commands import JsonObject
from gateway.protocol.errors import Code

DESCRIPTION: Final = """\
One answer of a model is a *generation*: a resource with an id and an append-only log of events. Any number of clients \
read it, from any position, over Server-Sent Events or a WebSocket. It outlives their connections.

A gateway without keys requires no authentication. Every GET route also answers HEAD. An unknown path gets 404, an \
unsupported method 405, both with a `Refusal`. Every refusal of a GET that accepts `text/event-stream` is a 200 with \
one `error` event, since an EventSource cannot read a status. A request head of more than 64 KiB gets 431, a URL of \
more than 32 KiB 414, a request that is not HTTP 400. Everything beyond HTTP is described in docs/reference/protocol.md.
"""


def document(version: str) -> JsonObject:
    """Return the OpenAPI document of this version of the gateway."""
    paths: dict[str, JsonObject] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Dualstream",
            "version": version,
            "summary": "A streaming gateway for AI agents.",
            "description": DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/", "description": "The gateway that serves this document."}],
        "tags": [{"name": name, "description": description} for name, description in TAGS.items()],
        "paths": {**paths},
        "components": {
            "schemas": schemas(),
            "parameters": {name: _parameter(parameter) for name, parameter in PARAMETERS.items()},
            "headers": {name: _header(header) for name, header in HEADERS.items()},
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A key (`ds_…`) or a token; required if the gateway has keys.",
                },
                "ticket": {
                    "type": "apiKey",
                    "in": "query",
                    "name": "ticket",
                    "description": "A single-use ticket from `POST /api/tickets`. `Authorization` takes precedence.",
                },
            },
        },
    }


def _operation(operation: Operation) -> JsonObject:
    built: JsonObject = {
        "operationId": operation.id,
        "tags": [operation.tag],
        "summary": operation.summary,
        "security": _security(operation),
        "responses": {
            **{str(spec.status): _response_with_body(spec) for spec in operation.responses},
            **_refusals([*operation.refusals, *middleware_refusals(operation)]),
        },
    }
    if operation.description:
        built["description"] = operation.description
    if operation.parameters:
        built["parameters"] = [{"$ref": f"#/components/parameters/{name}"} for name in operation.parameters]
    if operation.request_body is not None:
        content: JsonObject = {"schema": ref(operation.request_body)}
        if operation.example is not None:
            content["example"] = operation.example
        built["requestBody"] = {"required": operation.needs_body, "content": {JSON: content}}
    return built


def _security(operation: Operation) -> list[JsonValue]:
    if _is_public(operation) or not operation.needs_key:
        return []
    return [{"bearer": []}, {"ticket": []}] if operation.accepts_ticket else [{"bearer": []}]


def middleware_refusals(operation: Operation) -> Iterator[RefusalSpec]:
    """Yield the refusals of middleware, before a request reaches its route."""
    if _is_public(operation):
        return
    yield FOREIGN_PAGE
    if operation.needs_key:
        yield UNAUTHENTICATED
        if operation.counts_as_command:
            yield TOO_MANY_COMMANDS


def _is_public(operation: Operation) -> bool:
    return operation.path in PUBLIC_PATHS or operation.path.startswith(PUBLIC_PREFIX)


def _response_with_body(spec: ResponseSpec) -> JsonObject:
    built = _response(spec.description, spec.headers)
    if spec.body is not None:
        built["content"] = {spec.media_type: {"schema": ref(spec.body)}}
    if spec.started_id is not None:
        built["links"] = _links(spec.started_id)
    return built


def _refusals(refusals: Iterable[RefusalSpec]) -> JsonObject:
    """Group refusals by status: OpenAPI has one response per status, ours may have several codes."""
    ordered = sorted(refusals, key=lambda refusal: refusal.status)
    by_status = {status: list(group) for status, group in groupby(ordered, key=lambda refusal: refusal.status)}
    return {str(status): _refusal(group) for status, group in by_status.items()}


def _refusal(group: list[RefusalSpec]) -> JsonObject:
    codes = list(dict.fromkeys(refusal.code for refusal in group))
    headers = ["X-Request-ID"]
    if Code.AUTH_ERROR in codes:
        headers.append("WWW-Authenticate")
    if group[0].status in {429, 503}:
        headers.append("Retry-After")
    if Code.RATE_LIMIT in codes:
        headers.extend(RATE_LIMIT_HEADERS)
    if group[0].status == 426:
        headers.append("Upgrade")
    built = _response(" Or: ".join(f"`{refusal.code}`: {refusal.when}" for refusal in group), headers)
    narrowed: JsonObject = {"properties": {"error": {"properties": {"code": {"enum": [*codes]}}}}}
    built["content"] = {JSON: {"schema": {"allOf": [ref(Refusal), narrowed]}}}
    return built


def _response(description: str, headers: Iterable[str]) -> JsonObject:
    named: JsonObject = {name: {"$ref": f"#/components/headers/{name}"} for name in headers}
    return {"description": description, **({"headers": named} if named else {})}


def _links(started_id: str) -> JsonObject:
    """Build links from the response of a start to the operations on the started generation."""
    named: JsonObject = {"generation_id": started_id}
    links: JsonObject = {
        operation.id: {"operationId": operation.id, "parameters": named}
        for operation in OPERATIONS
        if "GenerationId" in operation.parameters
    }
    return {**links, "ticket": {"operationId": "ticket", "requestBody": named}}


def _parameter(parameter: Parameter) -> JsonObject:
    return {
        "name": parameter.name,
        "in": parameter.location,
        "required": parameter.required,
        "description": parameter.description,
        "schema": parameter.schema,
    }


def _header(header: Header) -> JsonObject:
    return {"description": header.description, "required": header.required, "schema": header.schema}
