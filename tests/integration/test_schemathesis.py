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


HEALTH, TICKETS, GENERATIONS = ("get", "/health"), ("post", "/api/tickets"), ("post", "/api/generations")
STREAM = ("get", "/api/chat/stream")

INCORRECT = [
    [
        (HEALTH, with_another_status, "Undocumented status code"),
        (TICKETS, too_permissive, "Schema-valid request rejected"),
        (GENERATIONS, too_strict, "Schema-violating request accepted"),
        (STREAM, with_another_event, "events_are_valid"),
    ],
    [
        (HEALTH, without_a_field, "Response violates schema"),
        (HEALTH, with_another_header, "Response header does not conform"),
        (STREAM, too_strict_for_an_event_source, "Schema-violating request accepted"),
    ],
]
"""What is wrong in documents, where, and how it is reported. A run takes seconds to start: one has several faults."""


def reports(output: str) -> dict[str, str]:
    """Return what schemathesis reports of each operation, such as `GET /health`."""
    parts = re.split(r"^_+ ([A-Z]+ /\S*) _+$", output, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.timeout(SECONDS + 40)
@pytest.mark.parametrize("faults", INCORRECT, ids=["first", "second"])
def test_an_incorrect_document_is_detected(
    gateway: Gateway, faults: list[tuple[tuple[str, str], Callable[[Document], None], str]]
) -> None:
    document = load_document(gateway)
    operations: Document = {}
    for (method, path), falsify, _ in faults:
        falsify(document)
        operation = document["paths"][path][method]
        for response in operation["responses"].values():
            # They refer to operations that are removed below.
            response.pop("links", None)
        operations[path] = {method: operation}
    document["paths"] = operations
    done = run_schemathesis(gateway, document, examples=5, seed=1, seconds=SECONDS)
    assert done.returncode == 1, done.stdout
    found = reports(done.stdout)
    for (method, path), _, message in faults:
        assert message in found[f"{method.upper()} {path}"], done.stdout
