"""Refusals and headers of responses."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from gateway.api.responses import refusal_frame, refusal_response
from gateway.client import decode
from gateway.protocol.errors import CODES, Code, Refused
from gateway.protocol.event_stream import EventStreamDecoder
from gateway.protocol.events import Error
from gateway.protocol.position import REFUSED_POSITION
from gateway.security.jwks import RemoteKeySet
from gateway.upstreams.formats.json_values import repair_surrogates
from tests.served.clients import BODY
from tests.served.gateway import Served
from tests.served.viewers import WebSocketViewer


async def test_an_event_source_retries_while_the_issuers_keys_are_unavailable() -> None:
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/api/chat/stream",
        "headers": [(b"accept", b"text/event-stream")],
    }
    with pytest.raises(Refused) as refused:
        await RemoteKeySet("http://127.0.0.1:1/", ("RS256",)).find(None)
    (event,) = EventStreamDecoder().feed(bytes(refusal_response(refused.value, Request(scope)).body))
    assert orjson.loads(event.data)["retryable"]
    assert (event.event, event.last_event_id) == ("rejected", "")


async def test_every_response_has_a_request_id(served: Served) -> None:
    viewer = WebSocketViewer(served.http)
    await viewer.start(BODY)
    address = f"/api/generations/{viewer.generation_id}"
    paths = ["/health", "/ready", "/api/stats", "/api/models", "/nowhere", address, f"{address}/events"]
    for path in paths:
        for sent in ("mine-7", None):
            async with served.http.get(path, headers={"X-Request-ID": sent} if sent else {}) as response:
                named = response.headers["X-Request-ID"]
                assert named == sent if sent else named.startswith("r_"), path
    await viewer.leave()


anything = st.one_of(
    st.text(),
    st.text(alphabet=st.characters(categories=["Cc", "Zl", "Zp", "Cs"])),
    st.sampled_from(
        ["\n\nevent: complete\ndata: {}\n\n", "\r\nid: x\r\n", "\u2028data: x", "\x85", "\ud800", "\0", "\ufeff"]
    ),
)


async def test_responses_of_model_apis_name_the_request_as_their_sdks_read_it(served: Served) -> None:
    async with served.http.post("/v1/messages", json={}, headers={"X-Request-ID": "r-1"}) as response:
        assert (response.status, response.headers["Request-ID"], response.headers["X-Request-ID"]) == (
            400,
            "r-1",
            "r-1",
        )
    async with served.http.get("/api/models") as response:
        assert "Request-ID" not in response.headers


@given(anything)
def test_a_refusal_is_exactly_one_event(text: str) -> None:
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/api/chat/stream",
        "headers": [(b"accept", b"text/event-stream")],
    }
    for code, name in ((Code.INVALID_REQUEST, "error"), (Code.RATE_LIMIT, "rejected")):
        body = bytes(refusal_response(Refused(code, repair_surrogates(text)), Request(scope)).body)
        (event,) = EventStreamDecoder().feed(body)
        assert (event.event, orjson.loads(event.data)["message"]) == (name, repair_surrogates(text))


@pytest.mark.parametrize("code", Code)
def test_only_a_refusal_that_may_succeed_later_lets_an_event_source_return_with_its_own_position(code: Code) -> None:
    refused = Refused(code, "No.", param="model", retry_after_ms=2000)
    decoder = EventStreamDecoder()
    (event,) = decoder.feed(refusal_frame(refused, 0.5))
    data = orjson.loads(event.data)
    if CODES[code].retryable:
        assert (event.event, event.last_event_id, decoder.retry_ms) == ("rejected", "", 3000)
        # The fields of a WebSocket's `rejected`.
        assert data == {"type": "rejected", "id": None, "generation_id": None, **refused.fields()}
    else:
        assert (event.event, event.last_event_id, decoder.retry_ms) == ("error", REFUSED_POSITION, None)
        assert refused.fields().items() <= data.items()
        assert isinstance(decode(data), Error)
