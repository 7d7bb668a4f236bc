"""The document: operations and components put together."""

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Final

from pydantic import JsonValue

from gateway.api.middleware.auth import PUBLIC_PATHS, PUBLIC_PREFIX
from gateway.api.openapi.response_bodies import Refusal
from gateway.api.openapi.parts import (
    COUNTED,
    FOREIGN,
    HEADERS,
    JSON,
    PARAMETERS,
    RATE,
    TAGS,
    UNKNOWN,
    Answer,
    Header,
    Parameter,
    Refused,
)
from gateway.api.openapi.routes import OPERATIONS, Operation
from gateway.api.openapi.schemas import ref, schemas
from gateway.protocol.commands import JsonObject
from gateway.protocol.errors import Code

ABOUT: Final = """\
One answer of a model is a *generation*: a resource with an id and an append-only log of events, which any number of \
clients read, from any position, over Server-Sent Events or a WebSocket. It outlives their connections.

A gateway that has no keys asks for none. Every GET is also answered as HEAD. A path that there is not is answered by \
404, a method that it does not take by 405, both in the form of `Refusal`. Any refusal of a GET that accepts \
`text/event-stream` comes as 200 with one `error` event, since an EventSource can't read a status. A request whose \
head is larger than 64 KiB gets 431, one whose URL is \
longer than 32 KiB 414, one that is no HTTP 400. All beyond HTTP is in docs/protocol.md.
"""


def document(version: str) -> JsonObject:
    """Describe all HTTP routes of this version of the gateway."""
    paths: dict[str, JsonObject] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Dualstream",
            "version": version,
            "summary": "A streaming gateway for AI agents.",
            "description": ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/", "description": "The gateway that gives this description."}],
        "tags": [{"name": name, "description": said} for name, said in TAGS.items()],
        "paths": {**paths},
        "components": {
            "schemas": schemas(),
            "parameters": {name: _parameter(one) for name, one in PARAMETERS.items()},
            "headers": {name: _header(one) for name, one in HEADERS.items()},
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A key (`ds_…`) or a token. It is asked for once the gateway has keys.",
                },
                "ticket": {
                    "type": "apiKey",
                    "in": "query",
                    "name": "ticket",
                    "description": "A ticket of `POST /api/tickets`, good once. `Authorization` wins over it.",
                },
            },
        },
    }


def _operation(operation: Operation) -> JsonObject:
    described: JsonObject = {
        "operationId": operation.id,
        "tags": [operation.tag],
        "summary": operation.summary,
        "security": _security(operation),
        "responses": {
            **{str(answer.status): _answer(answer) for answer in operation.answers},
            **_refusals([*operation.refusals, *_general(operation)]),
        },
    }
    if operation.description:
        described["description"] = operation.description
    if operation.parameters:
        described["parameters"] = [{"$ref": f"#/components/parameters/{name}"} for name in operation.parameters]
    if operation.takes is not None:
        described["requestBody"] = {
            "required": operation.needs_body,
            "content": {JSON: {"schema": ref(operation.takes)}},
        }
    return described


def _security(operation: Operation) -> list[JsonValue]:
    if _is_public(operation) or not operation.needs_key:
        return []
    return [{"bearer": []}, {"ticket": []}] if operation.by_ticket else [{"bearer": []}]


def _general(operation: Operation) -> Iterator[Refused]:
    """Give the refusals that come before a route is asked."""
    if _is_public(operation):
        return
    yield FOREIGN
    if operation.needs_key:
        yield UNKNOWN
        if operation.counted:
            yield COUNTED


def _is_public(operation: Operation) -> bool:
    return operation.path in PUBLIC_PATHS or operation.path.startswith(PUBLIC_PREFIX)


def _answer(answer: Answer) -> JsonObject:
    described = _response(answer.description, answer.headers)
    if answer.body is not None:
        described["content"] = {answer.media: {"schema": ref(answer.body)}}
    if answer.started is not None:
        described["links"] = _links(answer.started)
    return described


def _refusals(refusals: Iterable[Refused]) -> JsonObject:
    """Describe refusals by status: the codes that one can have, and when it comes."""
    ordered = sorted(refusals, key=lambda refusal: refusal.status)
    by_status = {status: list(group) for status, group in groupby(ordered, key=lambda refusal: refusal.status)}
    return {str(status): _refusal(group) for status, group in by_status.items()}


def _refusal(group: list[Refused]) -> JsonObject:
    codes = list(dict.fromkeys(refusal.code for refusal in group))
    headers = ["X-Request-ID"]
    if Code.AUTH_ERROR in codes:
        headers.append("WWW-Authenticate")
    if group[0].status in {429, 503}:
        headers.append("Retry-After")
    if Code.RATE_LIMIT in codes:
        headers.extend(RATE)
    if group[0].status == 426:
        headers.append("Upgrade")
    described = _response(" Or: ".join(f"`{refusal.code}`: {refusal.when}" for refusal in group), headers)
    narrowed: JsonObject = {"properties": {"error": {"properties": {"code": {"enum": [*codes]}}}}}
    described["content"] = {JSON: {"schema": {"allOf": [ref(Refusal), narrowed]}}}
    return described


def _response(description: str, headers: Iterable[str]) -> JsonObject:
    named: JsonObject = {name: {"$ref": f"#/components/headers/{name}"} for name in headers}
    return {"description": description, **({"headers": named} if named else {})}


def _links(started: str) -> JsonObject:
    """Lead from a start to what can be done with what it started."""
    named: JsonObject = {"generation_id": started}
    links: JsonObject = {
        operation.id: {"operationId": operation.id, "parameters": named}
        for operation in OPERATIONS
        if "GenerationId" in operation.parameters
    }
    return {**links, "ticket": {"operationId": "ticket", "requestBody": named}}


def _parameter(parameter: Parameter) -> JsonObject:
    return {
        "name": parameter.name,
        "in": parameter.place,
        "required": parameter.required,
        "description": parameter.description,
        "schema": parameter.schema,
    }


def _header(header: Header) -> JsonObject:
    return {"description": header.description, "required": header.required, "schema": header.schema}
