"""The OpenAPI document: valid, up to date, and complete."""

from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, get_args

import orjson
import pytest
from jsonschema_rs import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from starlette.routing import BaseRoute, Mount, Route

from gateway.admission.rate_limits import Allowance
from gateway.api.middleware.auth import PUBLIC_PATHS, PUBLIC_PREFIX
from gateway.api.model_api.anthropic_counts import MessageCountRoutes
from gateway.api.model_api.gemini_counts import TokenCountRoutes
from gateway.api.model_api.pass_through import PassThroughRoutes
from gateway.api.openapi.components import RATE_LIMIT_HEADERS
from gateway.api.openapi.document import document
from gateway.api.openapi.routes import OPERATIONS
from gateway.api.tickets import START_PATHS
from gateway.app.factory import create_app
from gateway.config import Settings
from gateway.protocol.errors import CODES, Code, Refused
from gateway.protocol.events import (
    Accepted,
    Chunk,
    Complete,
    Error,
    Event,
    Feedback,
    Gap,
    Interrupted,
    Metrics,
    Part,
    Queued,
    Reasoning,
    Retry,
    Revision,
    SignedReasoning,
    Start,
    ToolCall,
    Usage,
    encode,
)
from tests.openapi_document import schema_of, strict
from transports.projected.endpoint import Endpoint

ROOT = Path(__file__).parents[4]
USAGE = Usage(3, 4, "exact")
METRICS = Metrics("r", 1.5, 2.5, 0.0, 1, 2, 2, None, 1, 1)
PROVIDER_APIS = (Endpoint, PassThroughRoutes, TokenCountRoutes, MessageCountRoutes)
PROVIDER_PATHS = ("/v1/", "/v1beta/")
CHAT_UI_PATHS = ("/api/ag-ui", "/api/tanstack", "/api/ai-sdk/")
OPTIONAL_FIELDS = {"signature", "format", "media_type", "data"}
EVENTS: Sequence[Event] = (
    Accepted("g_x", "r", "m"),
    Queued(1, None),
    Start("p", "m", 1, 1),
    Retry(1, 250, "timeout", "p"),
    Chunk("Xin chào"),
    Reasoning("…"),
    SignedReasoning("", "S", "anthropic"),
    ToolCall(0, "c", "f", "{"),
    ToolCall(0, "c", "f", "{", "S"),
    Part("image", {"media_type": None, "data": "A"}),
    Feedback("f_x", "note", None, 5),
    Revision(2, None, None, "failover"),
    Gap(1, 7, "text"),
    Complete("stop", USAGE, None, METRICS),
    Interrupted("client", None, 1.0, USAGE, 0.1, METRICS),
    Error("timeout", "It took too long.", True, None, False, None, None, None),
)


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    return document("1.2.3")


def routed(routes: Sequence[BaseRoute]) -> Iterator[tuple[str, str]]:
    """Yield the methods and paths of all routes, without HEAD, which every GET route has."""
    for route in routes:
        if isinstance(route, Mount):
            yield "get", f"{route.path}/{{path}}"
        elif isinstance(route, Route) and "ndjson_transport" not in route.endpoint.__module__:
            path = route.path.replace(":model}", "}")
            if isinstance(getattr(route.endpoint, "__self__", None), PROVIDER_APIS) or path.startswith(PROVIDER_PATHS):
                # The APIs of providers are described by the providers.
                continue
            if path.startswith(CHAT_UI_PATHS):
                # And the protocols of chat UIs by the projects that have made them (docs/reference/chat-uis.md).
                continue
            yield from ((method.lower(), path) for method in (route.methods or set()) - {"HEAD"})


def test_the_document_is_valid_openapi(described: dict[str, Any]) -> None:
    OpenAPIV31SpecValidator(described).validate()
    assert described["info"]["version"] == "1.2.3"


def test_it_describes_every_route_and_no_other(described: dict[str, Any]) -> None:
    routes = sorted(routed(create_app(Settings()).routes))
    operations = sorted((method, path) for path, methods in described["paths"].items() for method in methods)
    assert operations == routes
    assert len({operation.id for operation in OPERATIONS}) == len(operations)


def test_the_file_is_up_to_date() -> None:
    stored = orjson.loads((ROOT / "docs" / "openapi.json").read_bytes())
    assert stored == orjson.loads(orjson.dumps(document(version("dualstream")))), "make openapi"


def test_every_component_is_used(described: dict[str, Any]) -> None:
    text = orjson.dumps(described).decode()
    for kind, named in described["components"].items():
        for name in named:
            used = f'"{name}":[]' if kind == "securitySchemes" else f'"#/components/{kind}/{name}"'
            assert used in text, f"{kind}/{name}"
    assert {tag["name"] for tag in described["tags"]} == {operation.tag for operation in OPERATIONS}


def test_the_security_of_each_operation_is_described(described: dict[str, Any]) -> None:
    for operation in OPERATIONS:
        security = described["paths"][operation.path][operation.method]["security"]
        is_public = operation.path in PUBLIC_PATHS or operation.path.startswith(PUBLIC_PREFIX)
        takes_ticket = operation.method == "get" and (
            operation.path in START_PATHS or operation.path.endswith(("generation_id}/events", "/poll"))
        )
        requires_key = operation.needs_key and not is_public
        assert ({"bearer": []} in security) is requires_key
        assert ({"ticket": []} in security) is takes_ticket
        responses = described["paths"][operation.path][operation.method]["responses"]
        assert ("401" in responses) is requires_key
        assert "403" in responses or is_public


def test_each_refusal_has_the_status_of_its_code(described: dict[str, Any]) -> None:
    for operation in OPERATIONS:
        responses = described["paths"][operation.path][operation.method]["responses"]
        for refusal in operation.refusals:
            assert refusal.status_override != CODES[refusal.code].status
            narrowed = responses[str(refusal.status)]["content"]["application/json"]["schema"]["allOf"][1]
            assert refusal.code in narrowed["properties"]["error"]["properties"]["code"]["enum"]
    assert described["components"]["schemas"]["Code"]["enum"] == [*Code]


def test_the_rate_limit_headers_are_those_that_are_sent() -> None:
    assert tuple(Allowance(60, 10, 9, 1.0).headers()) == RATE_LIMIT_HEADERS


def test_there_is_a_sample_of_every_event() -> None:
    assert {type(event) for event in EVENTS} == set(get_args(Event))


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.type)
def test_an_event_has_exactly_the_described_fields(described: dict[str, Any], event: Event) -> None:
    validator = Draft202012Validator(schema_of(strict(described), "Event"))
    sent = orjson.loads(encode(event))
    validator.validate(sent)
    for field in sent.keys() - OPTIONAL_FIELDS:
        assert not validator.is_valid({name: value for name, value in sent.items() if name != field})
    assert validator.is_valid({**sent, "more": 1}) == isinstance(event, Part)


def test_a_refusal_matches_its_schema(described: dict[str, Any]) -> None:
    validator = Draft202012Validator(schema_of(strict(described), "Refusal"))
    for code in Code:
        sent = Refused(code, "why", param=None, retry_after_ms=7).body()
        validator.validate(orjson.loads(orjson.dumps(sent)))
    assert not validator.is_valid({"error": {"code": "other", **sent}})
