"""What schemathesis makes of the published description, with few examples; `make schemathesis` takes more."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.integration.described.run import Gateway, described, examine, published

SECONDS = 110
Document = dict[str, Any]


@pytest.fixture(scope="module")
def gateway() -> Iterator[Gateway]:
    with described(keys=False) as gateway:
        yield gateway


@pytest.mark.parametrize("keys", [False, True], ids=["open", "with keys"])
def test_the_gateway_is_as_it_is_described(keys: bool) -> None:
    with described(keys=keys) as gateway:
        done = examine(gateway, published(gateway), examples=8, seed=1, seconds=SECONDS)
    assert done.returncode == 0, done.stdout
    (generated, passed), *_ = re.findall(r"(\d+) generated, (\d+) passed", done.stdout)
    assert generated == passed
    assert int(generated) > 1000
    for phase in ("Coverage", "Fuzzing", "Stateful"):
        assert f"✅ {phase}" in done.stdout


def with_another_status(document: Document) -> None:
    document["paths"]["/health"]["get"]["responses"] = {"204": {"description": "It is not told."}}


def without_a_field(document: Document) -> None:
    health = document["components"]["schemas"]["Health"]
    health["required"].remove("uptime")
    del health["properties"]["uptime"]


def with_another_header(document: Document) -> None:
    document["components"]["headers"]["X-Request-ID"]["schema"] = {"type": "string", "maxLength": 2}


def too_wide(document: Document) -> None:
    document["components"]["schemas"]["TicketRequest"]["properties"]["scope"] = {"enum": ["start", "all"]}


def too_narrow(document: Document) -> None:
    document["components"]["schemas"]["Options"]["properties"]["temperature"]["anyOf"][0]["maximum"] = 1


def with_another_event(document: Document) -> None:
    document["components"]["schemas"]["ChunkEvent"]["properties"]["content"] = {"type": "integer"}


def too_narrow_for_an_event_source(document: Document) -> None:
    document["components"]["parameters"]["Prompt"]["schema"]["maxLength"] = 20


@pytest.mark.parametrize(
    ("method", "path", "lie", "said"),
    [
        ("get", "/health", with_another_status, "Undocumented status code"),
        ("get", "/health", without_a_field, "Response violates schema"),
        ("get", "/health", with_another_header, "Response header does not conform"),
        ("post", "/api/tickets", too_wide, "Schema-valid request rejected"),
        ("post", "/api/generations", too_narrow, "Schema-violating request accepted"),
        ("get", "/api/chat/stream", with_another_event, "events_are_whole"),
        ("get", "/api/chat/stream", too_narrow_for_an_event_source, "Schema-violating request accepted"),
    ],
)
def test_a_description_that_is_not_true_is_found_out(
    gateway: Gateway, method: str, path: str, lie: Callable[[Document], None], said: str
) -> None:
    document = published(gateway)
    lie(document)
    operation = document["paths"][path][method]
    for response in operation["responses"].values():
        # They lead to what is left out here.
        response.pop("links", None)
    document["paths"] = {path: {method: operation}}
    done = examine(gateway, document, examples=5, seed=1, seconds=SECONDS)
    assert done.returncode == 1, done.stdout
    assert said in done.stdout
