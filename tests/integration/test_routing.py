"""Models with several upstreams, configured as users do: real processes, both transports."""

from collections.abc import Iterator

import aiohttp
import pytest

from tests.integration.routing import (
    CASES,
    PAGE,
    Case,
    Event,
    by_sse,
    by_websocket,
    format_events,
    gateway,
    google_api,
    join_pieces,
)


@pytest.fixture(scope="module")
def google() -> Iterator[str]:
    with google_api() as address:
        yield address


def types(events: list[Event]) -> str:
    return " ".join(str(event["type"]) for event in join_pieces(events))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_event_by_event_on_either_transport_as_documented(case: Case, google: str) -> None:
    with gateway(case, google) as address:
        over_sse = await by_sse(address, case)
    with gateway(case, google) as address:
        over_websocket = await by_websocket(address, case)
    assert types(over_sse) == types(over_websocket) == case.types
    documented = PAGE.read_text("utf-8")
    assert format_events(case, over_sse) in documented
    assert format_events(case, over_websocket) in documented
    assert case.model.strip() in documented


async def test_the_snapshot_has_the_cost_and_end_of_each_attempt(google: str) -> None:
    case = next(case for case in CASES if case.name == "continued")
    with gateway(case, google) as address:
        events = await by_sse(address, case)
        async with (
            aiohttp.ClientSession(address) as http,
            http.get(f"/api/generations/{events[0]['generation_id']}") as response,
        ):
            snapshot = await response.json()
    failed, continued = snapshot["attempts"]
    assert (failed["provider"], failed["ended"], failed["usage"]["source"]) == ("weak", "truncated", "estimated")
    assert (continued["provider"], continued["ended"], continued["usage"]["source"]) == ("strong", "answered", "exact")
    assert snapshot["cost_usd"] == pytest.approx(failed["cost_usd"] + continued["cost_usd"])
    assert snapshot["end"]["type"] == "complete"
    assert snapshot["text"] == "".join(str(event["content"]) for event in events if event["type"] == "chunk")
