"""schemathesis with the published OpenAPI document and few examples; `make schemathesis` runs more."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.integration.openapi.run import Gateway, load_document, run_schemathesis, running_gateway

SECONDS = 200
Document = dict[str, Any]


@pytest.fixture(scope="module")
def gateway() -> Iterator[Gateway]:
    with running_gateway(keys=False) as gateway:
        yield gateway


# Some 4,500 requests, one after another.
@pytest.mark.timeout(SECONDS + 40)
@pytest.mark.parametrize("keys", [False, True], ids=["open", "with keys"])
def test_the_gateway_matches_its_openapi_document(keys: bool) -> None:
    with running_gateway(keys=keys) as gateway:
        done = run_schemathesis(gateway, load_document(gateway), examples=5, seed=1, seconds=SECONDS)
    assert done.returncode == 0, done.stdout
    (generated, passed), *_ = re.findall(r"(\d+) generated, (\d+) passed", done.stdout)
    assert generated == passed
    assert int(generated) > 1000
    for phase in ("Coverage", "Fuzzing", "Stateful"):
        assert f"✅ {phase}" in done.stdout


def with_another_status(document: Document) -> None:
    document["paths"]["/health"]["get"]["responses"] = {"204": {"description": "Healthy."}}


def without_a_field(document: Document) -> None:
    health = document["components"]["schemas"]["Health"]
    health["required"].remove("uptime")
    del health["properties"]["uptime"]


def with_another_header(document: Document) -> None:
    document["components"]["headers"]["X-Request-ID"]["schema"] = {"type": "string", "maxLength": 2}


def too_permissive(document: Document) -> None:
    document["components"]["schemas"]["TicketRequest"]["properties"]["scope"] = {"enum": ["start", "all"]}


def too_strict(document: Document) -> None:
    document["components"]["schemas"]["Options"]["properties"]["temperature"]["anyOf"][0]["maximum"] = 1


def with_another_event(document: Document) -> None:
    document["components"]["schemas"]["ChunkEvent"]["properties"]["content"] = {"type": "integer"}


def too_strict_for_an_event_source(document: Document) -> None:
    document["components"]["parameters"]["Prompt"]["schema"]["maxLength"] = 20


@pytest.mark.parametrize(
    ("method", "path", "falsify", "message"),
    [
        ("get", "/health", with_another_status, "Undocumented status code"),
        ("get", "/health", without_a_field, "Response violates schema"),
        ("get", "/health", with_another_header, "Response header does not conform"),
        ("post", "/api/tickets", too_permissive, "Schema-valid request rejected"),
        ("post", "/api/generations", too_strict, "Schema-violating request accepted"),
        ("get", "/api/chat/stream", with_another_event, "events_are_valid"),
        ("get", "/api/chat/stream", too_strict_for_an_event_source, "Schema-violating request accepted"),
    ],
)
def test_an_incorrect_document_is_detected(
    gateway: Gateway, method: str, path: str, falsify: Callable[[Document], None], message: str
) -> None:
    document = load_document(gateway)
    falsify(document)
    operation = document["paths"][path][method]
    for response in operation["responses"].values():
        # They refer to operations that are removed below.
        response.pop("links", None)
    document["paths"] = {path: {method: operation}}
    done = run_schemathesis(gateway, document, examples=5, seed=1, seconds=SECONDS)
    assert done.returncode == 1, done.stdout
    assert message in done.stdout
